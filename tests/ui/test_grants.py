"""Rights in the admin: the page that explains, grants, people, and what no page tells."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Model

from certificates.models import Certificate
from certmate.access import explain
from certmate.access.actors import Actor
from certmate.access.models import Team
from certmate.access.services import granted, set_grants
from certmate.access.verbs import Verb
from providers.models import CAAccount
from tests import factories
from tests.cast import PASSWORD, Cast
from tests.ui.pages import page, queries, signed_in, text

NEW = "a fresh and long password"


@pytest.fixture
def certificate(cast: Cast) -> Certificate:
    return factories.certificate()


def permit(user: User, *codenames: str) -> None:
    user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))


def grant(user: User, target: Model, *verbs: Verb, under: bool = False) -> None:
    set_grants(actor=Actor.system(), subject=user, target=target, verbs=verbs, under=under)


def test_the_access_page_says_who_may_do_what_and_why(cast: Cast, certificate: Certificate) -> None:
    team = Team.objects.create(name="red")
    certificate.team = team
    certificate.save()
    grant(cast.outsider, team, Verb.RENEW, under=True)
    html = text(signed_in(cast.owner).get(page(certificate, "access")))
    assert "a grant on what belongs to the team red" in html
    assert "outsider" in html
    assert page(certificate, "access") in text(signed_in(cast.owner).get(page(certificate)))


def test_every_page_of_a_governed_object_leads_to_its_access(cast: Cast) -> None:
    governed = [model for model in admin.site._registry if explain.is_governed(model)]
    assert len(governed) > 6
    client = signed_in(cast.owner)
    made: list[Model] = [
        factories.certificate(),
        factories.dns_account(),
        Team.objects.create(name="red"),
        cast.outsider,
        Group.objects.get(name="viewer"),
        CAAccount.objects.get(),
    ]
    for obj in made:
        assert type(obj) in governed
        assert client.get(page(obj, "access")).status_code == 200, obj


def test_who_administers_an_object_grants_in_two_steps(
    cast: Cast, certificate: Certificate
) -> None:
    grant(cast.outsider, certificate, Verb.RENEW)
    client = signed_in(cast.owner)
    url = page(certificate, "access")
    form = client.get(url, {"user": "outsider"}).context["form"]
    assert form["verbs"].initial == [Verb.RENEW.value]
    assert "under" not in form.fields
    client.post(f"{url}?user=outsider", {"verbs": ["view", "revoke"]})
    assert granted(cast.outsider, certificate) == [Verb.VIEW, Verb.REVOKE]
    client.post(f"{url}?user=outsider", {})
    assert granted(cast.outsider, certificate) == []


def test_rights_on_a_container_and_on_what_hangs_from_it_are_apart(cast: Cast) -> None:
    team, ops = Team.objects.create(name="red"), Group.objects.create(name="ops")
    sent = {"verbs": ["view"], "under": ["view", "renew"]}
    signed_in(cast.owner).post(f"{page(team, 'access')}?group=ops", sent)
    assert granted(ops, team) == [Verb.VIEW]
    assert granted(ops, team, under=True) == [Verb.VIEW, Verb.RENEW]
    tables = text(signed_in(cast.owner).get(page(team, "access"))).split("belongs to this team")
    assert "ops" in tables[0]
    assert "ops" in tables[1]


def test_what_the_granter_does_not_hold_is_not_offered_and_stays(
    cast: Cast, certificate: Certificate
) -> None:
    grant(cast.outsider, certificate, Verb.DELETE)
    client, url = signed_in(cast.operator), f"{page(certificate, 'access')}?user=outsider"
    form = client.get(url).context["form"]
    assert "delete" not in dict(form.fields["verbs"].choices)
    client.post(url, {"verbs": ["view"]})
    assert granted(cast.outsider, certificate) == [Verb.VIEW, Verb.DELETE]
    assert client.post(url, {"verbs": ["delete"]}).context["form"].errors


def test_the_access_page_is_for_who_administers_and_for_who_sees_the_users(
    cast: Cast, certificate: Certificate
) -> None:
    url = page(certificate, "access")
    auditor = signed_in(cast.auditor)
    assert auditor.get(url).status_code == 403
    assert url not in text(auditor.get(page(certificate)))
    permit(cast.auditor, "view_user")
    response = auditor.get(url)
    assert response.status_code == 200
    assert "choose" not in response.context
    assert auditor.post(f"{url}?user=outsider", {"verbs": ["view"]}).status_code == 403
    assert signed_in(cast.outsider).get(url).status_code == 404


def test_the_form_does_not_tell_who_else_there_is(cast: Cast, certificate: Certificate) -> None:
    client, url = signed_in(cast.operator), page(certificate, "access")
    said = [
        client.get(url, {"user": name}).context["choose"].errors for name in ("outsider", "nobody")
    ]
    assert said[0] == said[1] != {}
    Group.objects.create(name="concealed")
    assert "concealed" not in text(client.get(url))
    errors = client.get(url, {"group": "concealed"}).context["choose"].errors
    assert "concealed" not in str(errors)


@pytest.mark.django_db
def test_reach_is_shown_on_the_page_of_a_user(cast: Cast, certificate: Certificate) -> None:
    grant(cast.outsider, certificate, Verb.RENEW)
    client = signed_in(cast.owner)
    assert page(cast.outsider, "reach") in text(client.get(page(cast.outsider)))
    assert certificate.name in text(client.get(page(cast.outsider, "reach")))
    permit(cast.auditor, "view_user")
    cast.auditor.user_permissions.remove(Permission.objects.get(codename="view_certificate"))
    html = text(signed_in(cast.auditor).get(page(cast.outsider, "reach")))
    assert certificate.name not in html


def test_teams_have_pages_that_show_what_they_own(cast: Cast) -> None:
    client = signed_in(cast.owner)
    client.post(page(Team, "add"), {"name": "red", "description": "the red ones"})
    team = Team.objects.get()
    factories.certificate(team=team)
    factories.certificate("other.example.test")
    html = text(client.get(page(team)))
    listed = f"{page(Certificate, 'changelist')}?team={team.pk}"
    assert listed in html
    assert client.get(listed).context["cl"].result_count == 1
    client.post(page(team, "delete"))
    assert Team.objects.exists()
    client.post(page(team), {"name": "crimson", "description": ""})
    assert Team.objects.get().name == "crimson"
    assert signed_in(cast.outsider).get(page(team)).status_code == 404


def test_a_user_is_added_without_a_right(cast: Cast) -> None:
    sent = {"username": "new", "is_active": "on", "is_staff": "on"}
    client = signed_in(cast.owner)
    weak = sent | {"password": "new", "password_again": "new"}
    assert "password" in client.post(page(User, "add"), weak).context["form"].errors
    differ = sent | {"password": NEW, "password_again": f"{NEW}x"}
    assert client.post(page(User, "add"), differ).context["form"].errors
    client.post(page(User, "add"), sent | {"password": NEW, "password_again": NEW})
    user = User.objects.get(username="new")
    assert user.check_password(NEW)
    assert not user.get_all_permissions()


@pytest.mark.parametrize("by_role", [True, False])
def test_nobody_resets_the_password_of_who_may_do_more(cast: Cast, by_role: bool) -> None:
    permit(cast.operator, "view_user", "administer_user")
    if by_role:
        cast.auditor.groups.add(Group.objects.get(name="administrator"))
    else:
        grant(cast.auditor, factories.certificate(), Verb.DELETE)
    sent = {"password": NEW, "password_again": NEW}
    client = signed_in(cast.operator)
    for victim in (cast.auditor, cast.owner):
        assert client.post(page(victim, "password"), sent).status_code == 403
        assert User.objects.get(pk=victim.pk).check_password(PASSWORD)
    client.post(page(cast.outsider, "password"), sent)
    assert User.objects.get(pk=cast.outsider.pk).check_password(NEW)


def test_a_password_is_set_by_who_administers_and_not_by_who_changes(cast: Cast) -> None:
    permit(cast.operator, "view_user", "change_user")
    sent = {"password": NEW, "password_again": NEW}
    client = signed_in(cast.operator)
    assert client.post(page(cast.outsider, "password"), sent).status_code == 403
    assert page(cast.outsider, "password") not in text(client.get(page(cast.outsider)))


def test_who_changes_users_deactivates_them_and_takes_over_none(cast: Cast) -> None:
    permit(cast.operator, "view_user", "change_user")
    cast.auditor.groups.add(Group.objects.get(name="administrator"))
    client, url = signed_in(cast.operator), page(cast.auditor)
    account = {"username": "auditor", "email": "auditor@example.test", "is_staff": "on"}
    client.post(url, account)
    cast.auditor.refresh_from_db()
    assert not cast.auditor.is_active
    assert client.post(url, account | {"is_active": "on"}).status_code == 403
    assert client.post(url, account | {"email": "operator@example.test"}).status_code == 403
    assert client.post(url, account | {"username": "operator2"}).status_code == 403
    cast.auditor.refresh_from_db()
    assert (cast.auditor.username, cast.auditor.is_active) == ("auditor", False)


def test_nobody_locks_himself_out(cast: Cast) -> None:
    client = signed_in(cast.owner)
    sent = {"username": "owner", "email": "owner@example.test", "is_active": "on"}
    assert client.post(page(cast.owner), sent).context["form"].errors
    assert client.post(page(cast.owner, "delete")).context["form"].errors
    new = {"password": NEW, "password_again": NEW}
    assert client.post(page(cast.owner, "password"), new).context["form"].errors
    assert User.objects.get(pk=cast.owner.pk).check_password(PASSWORD)
    assert User.objects.get(pk=cast.owner.pk).is_superuser


def test_roles_are_given_by_who_holds_them(cast: Cast) -> None:
    permit(cast.operator, "view_user", "administer_user", "view_group")
    mine, more = Group.objects.create(name="mine"), Group.objects.get(name="administrator")
    mine.permissions.set(Permission.objects.filter(codename="renew_certificate"))
    client, url = signed_in(cast.operator), page(cast.outsider, "roles")
    client.post(url, {"roles": [mine.pk]})
    assert cast.outsider.groups.get() == mine
    assert client.post(url, {"roles": [mine.pk, more.pk]}).status_code == 403
    assert client.post(page(cast.operator, "roles"), {"roles": [more.pk]}).status_code == 403
    assert cast.outsider.groups.get() == mine


def test_permissions_are_given_by_who_holds_them(cast: Cast) -> None:
    permit(cast.operator, "view_user", "administer_user")
    permit(cast.outsider, "delete_certificate")
    renew = Permission.objects.get(codename="renew_certificate")
    delete = Permission.objects.get(codename="delete_certificate")
    client, url = signed_in(cast.operator), page(cast.outsider, "permissions")
    assert client.post(url, {"rights": [delete.pk, renew.pk]}).context["form"].errors
    client.post(url, {"rights": [renew.pk]})
    assert set(cast.outsider.user_permissions.all()) == {renew, delete}


def test_a_role_that_comes_with_certmate_is_shown_and_not_edited(cast: Cast) -> None:
    role, client = Group.objects.get(name="viewer"), signed_in(cast.owner)
    html = text(client.get(page(role)))
    assert "come with each release" in html
    assert page(role, "permissions") not in html
    assert client.post(page(role), {"name": "x"}).status_code == 403
    assert client.post(page(role, "permissions"), {"rights": []}).context["form"].errors
    assert client.post(page(role, "delete")).context["form"].errors
    role.refresh_from_db()
    assert role.name == "viewer"
    assert role.permissions.exists()


def test_a_group_of_ones_own_is_made_filled_and_deleted(cast: Cast) -> None:
    client = signed_in(cast.owner)
    client.post(page(Group, "add"), {"name": "renewers"})
    group = Group.objects.get(name="renewers")
    renew = Permission.objects.get(codename="renew_certificate")
    client.post(page(group, "permissions"), {"rights": [renew.pk]})
    assert group.permissions.get() == renew
    client.post(page(group), {"name": "renewing"})
    cast.outsider.groups.add(group)
    assert "outsider" in text(client.get(page(group)))
    client.post(page(group, "delete"))
    assert not Group.objects.filter(pk=group.pk).exists()


def test_long_lists_are_planned_and_cost_the_same(cast: Cast) -> None:
    team = Team.objects.create(name="red")
    grant(cast.outsider, team, Verb.VIEW, under=True)

    def fill(count: int) -> None:
        for _ in range(count):
            n = Certificate.objects.count()
            factories.certificate(f"n{n}.example.test", team=team)

    client = signed_in(cast.outsider)
    fill(2)
    few = queries(client, page(Certificate, "changelist"))
    fill(20)
    assert queries(client, page(Certificate, "changelist")) == few <= 24


def test_the_pages_of_rights_cost_the_same_for_many(cast: Cast, certificate: Certificate) -> None:
    def fill(count: int) -> None:
        for _ in range(count):
            user = User.objects.create_user(f"u{User.objects.count()}")
            grant(user, certificate, Verb.VIEW)

    client = signed_in(cast.owner)
    fill(2)
    few = queries(client, page(certificate, "access"))
    fill(20)
    assert queries(client, page(certificate, "access")) == few
