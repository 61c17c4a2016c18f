"""Rights are not taken by those who have a few, and end when they end."""

import json
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from guardian.models import UserObjectPermission
from guardian.shortcuts import assign_perm, remove_perm

from certmate.access.roles import ROLES
from certmate.access.verbs import Verb
from certmate.audit.services import record
from certmate.rest.views import Endpoint
from tests import factories
from tests.caller import Caller, problem
from tests.cast import Cast
from tests.matrix.walk import addresses
from tests.ui.pages import page, signed_in

pytestmark = pytest.mark.django_db


def allow(user: User, *codenames: str) -> None:
    found = Permission.objects.filter(codename__in=codenames)
    assert set(found.values_list("codename", flat=True)) == set(codenames)
    user.user_permissions.add(*found)


@pytest.mark.parametrize("role", sorted(ROLES))
def test_members_of_a_role_do_not_rewrite_it(cast: Cast, role: str) -> None:
    """GHSA-x3vf. Not even who may change groups changes one of CertMate's own."""
    group = Group.objects.get(name=role)
    cast.outsider.groups.add(group)
    allow(cast.outsider, "view_group", "change_group", "delete_group", "administer_group")
    before = set(group.permissions.values_list("pk", flat=True))
    browser = signed_in(cast.outsider)
    everything = [str(pk) for pk in Permission.objects.values_list("pk", flat=True)]
    browser.post(page(group), {"name": "mine", "permissions": everything})
    browser.post(page(group, "permissions"), {"permissions": everything})
    browser.post(page(group, "delete"), {"post": "yes"})
    kept = Group.objects.get(name=role)
    assert set(kept.permissions.values_list("pk", flat=True)) == before


def test_who_may_change_groups_does_not_put_himself_into_a_stronger_one(cast: Cast) -> None:
    allow(cast.outsider, "view_user", "change_user", "administer_user", "view_group")
    body: dict[str, Any] = {"roles": ["administrator"]}
    answer = Caller(cast.outsider).put("/api/users/outsider/roles", **body)
    problem(answer, 403, "access.gain")
    assert not cast.outsider.groups.exists()


def test_nobody_grants_what_he_does_not_hold(cast: Cast) -> None:
    """GHSA-qcqw and kin: the right to share a thing was every right to it."""
    made = factories.certificate()
    for verb in (Verb.VIEW, Verb.ADMINISTER):
        assign_perm(f"certificates.{verb}_certificate", cast.outsider, made)
    body = {"kind": "certificate", "name": made.name, "user": "outsider"}
    for verbs in (["view", "administer", "export_key"], ["view", "administer", "delete"]):
        problem(Caller(cast.outsider).put("/api/grants", **body, verbs=verbs), 403, "access.gain")
    assert UserObjectPermission.objects.filter(user=cast.outsider).count() == 2


def test_no_view_of_the_api_is_open_by_default() -> None:
    """GHSA-qcqw: what nobody protected was public."""
    from django.urls import get_resolver

    is_open = set()
    for address in addresses():
        if address.route.startswith("/api/"):
            path = address.url(dict.fromkeys(address.variables, "1"))
            view: Any = getattr(get_resolver().resolve(path).func, "cls", None)
            assert view is not None, path
            names = {permission.__name__ for permission in view.permission_classes}
            if names != {"IsAuthenticated"} or not view.authentication_classes:
                is_open.add(path)
            assert issubclass(view, Endpoint) or path in ("/api/schema", "/api/docs")
    assert not is_open


def test_the_audit_log_is_not_open_to_who_lost_access_to_what_it_tells_of(cast: Cast) -> None:
    made = factories.certificate("canary.example.test")
    record(made, "certificate.renewed", serial="ab")
    assign_perm("certificates.view_certificate", cast.outsider, made)
    remove_perm("certificates.view_certificate", cast.outsider, made)
    entry = LogEntry.objects.filter(object_repr=made.name).latest("id")
    caller, browser = Caller(cast.outsider), signed_in(cast.outsider)
    for path in ("/api/audit", f"/api/audit/{entry.pk}", "/api/audit/export", "/api/audit/verify"):
        problem(caller.get(path), 403, "access.denied")
    for path in ("/admin/audit/event/", "/admin/audit/event/export/csv/", page(made, "history")):
        answer = browser.get(path, follow=True)
        assert answer.status_code in (403, 404), path
        assert "canary" not in answer.content.decode().replace(path, "")


def test_a_history_page_does_not_open_what_its_object_hides(cast: Cast) -> None:
    """Who may read the log, but not see the object, reads the log, not the object's page."""
    allow(cast.outsider, "view_logentry")
    made = factories.certificate("canary.example.test")
    browser = signed_in(cast.outsider)
    assert browser.get(page(made, "history")).status_code == 404
    assert browser.get(page(made)).status_code == 404


def test_an_export_of_the_log_does_not_show_secrets(cast: Cast) -> None:
    factories.dns_account()
    factories.ca_account(eab={"kid": "k", "hmac_key": factories.RFC2136["tsig_secret"]})
    answer = Caller(cast.owner).get("/api/audit/export")
    lines = [json.loads(line) for line in answer.getvalue().splitlines()]
    assert lines
    assert factories.RFC2136["tsig_secret"] not in json.dumps(lines)


def test_deleting_an_object_leaves_no_right_for_the_next_one_of_its_key(cast: Cast) -> None:
    made = factories.certificate()
    assign_perm("certificates.view_certificate", cast.outsider, made)
    key = made.pk
    made.delete()
    factories.certificate("next.example.test", pk=key)
    assert Caller(cast.outsider).get("/api/certificates").json()["results"] == []
