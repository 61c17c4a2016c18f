"""Enrolments and identities in the admin: who decides, what is shown, what is refused."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from guardian.shortcuts import assign_perm

from certmate.access.actors import Actor
from certmate.access.models import Team
from clients import services
from clients.models import ClientCertificate, Enrolment, Identity
from clients.services import ClientWish
from tests import factories_clients as factories
from tests.clients.conftest import Crew
from tests.clients.test_admin_certificates import desk, errors_of
from tests.factories import profile_of
from tests.ui.pages import page, text, told

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("authority")]


def ask(user: User, common_name: str = "jane", **wish: Any) -> Enrolment:
    """A request that waits for approval."""
    profile_of("client", needs_approval=True)
    asked = ClientWish(common_name=common_name, **wish)
    _, made = services.request_client_certificate(actor=Actor.of(user), wish=asked)
    assert made is not None
    return made


def listed(user: User, **query: str) -> list[str]:
    found = desk(user).get(page(Enrolment, "changelist"), query).context["cl"].result_list
    return [enrolment.identifier for enrolment in found]


def test_the_queue_shows_what_waits_and_more_when_asked(crew: Crew) -> None:
    waits, decided = ask(crew.operator), ask(crew.operator, "john")
    services.reject_enrolment(actor=Actor.of(crew.owner), enrolment=decided, reason="No.")
    assert listed(crew.approver) == [waits.identifier]
    assert listed(crew.approver, state="all") == ["john", "jane"]
    assert listed(crew.approver, state="rejected") == ["john"]
    assert listed(crew.approver, decision="mine") == ["jane"]
    assert listed(crew.operator, decision="mine") == []


def test_the_page_says_exactly_what_is_asked_for(crew: Crew) -> None:
    csr = factories.csr(factories.key(), "somebody else")
    made = ask(crew.operator, csr=csr, san={"dns": ["j.test"]}, subject={"O": "Example"})
    html = text(desk(crew.approver).get(page(made)))
    asked, _, said = html.partition("What the CSR says")
    for words in ("jane", "Example", "j.test", "TLS client", "365 days", "operator", "issuing"):
        assert words in asked, words
    for words in ("somebody else", "256 bits", "SHA-256 of its key"):
        assert words in said, words
    assert "BEGIN CERTIFICATE" not in html


def test_it_is_decided_by_somebody_else_who_may(crew: Crew) -> None:
    made = ask(crew.operator)
    for user in (crew.operator, crew.auditor):
        client = desk(user)
        assert page(made, "approve") not in text(client.get(page(made)))
        assert client.post(page(made, "approve")).status_code == 403
        assert client.post(page(made, "reject"), {"reason": "No."}).status_code == 403
    assert desk(crew.outsider).get(page(made)).status_code == 404
    own = ask(crew.owner, "own")
    html = text(desk(crew.owner).get(page(own)))
    assert "somebody else has to decide" in html
    assert page(own, "approve") not in html
    assert desk(crew.owner).post(page(own, "approve")).status_code == 403
    assert not ClientCertificate.objects.filter(state="active").exists()


def test_an_approval_issues_it_and_the_page_says_who_and_why(crew: Crew) -> None:
    made = ask(crew.operator)
    client = desk(crew.approver)
    assert page(made, "approve") in text(client.get(page(made)))
    response = client.post(page(made, "approve"), {"reason": "Known to me."}, follow=True)
    assert told(response) == ["The certificate jane is issued."]
    assert ClientCertificate.objects.get().state == "active"
    html = text(response)
    assert "Known to me." in html
    assert page(made, "approve") not in html
    again = client.post(page(made, "approve"))
    assert "has been decided" in errors_of(again)["__all__"][0]


def test_a_rejection_needs_its_reason(crew: Crew) -> None:
    made = ask(crew.operator)
    client = desk(crew.approver)
    assert list(errors_of(client.post(page(made, "reject"), {"reason": " "}))) == ["reason"]
    client.post(page(made, "reject"), {"reason": "Not known."})
    made.refresh_from_db()
    assert (made.state, made.reason) == ("rejected", "Not known.")
    assert not ClientCertificate.objects.exists()
    html = text(desk(crew.operator).get(page(made)))
    assert "Not known." in html
    assert "jane" in html


def test_a_draft_and_a_renewal_are_shown_for_what_they_are(crew: Crew) -> None:
    wish = ClientWish(common_name="draft", subject={"O": "Example"}, san={"dns": ["d.test"]})
    draft, _, _ = services.create_csr(actor=Actor.of(crew.operator), wish=wish)
    html = text(desk(crew.operator).get(page(draft)))
    assert all(words in html for words in ("draft", "Example", "d.test"))
    one = factories.issued("jane")
    profile_of("client", needs_approval=True)
    _, renewal = services.renew_client_certificate(
        actor=Actor.of(crew.operator),
        certificate=ClientCertificate.objects.get(pk=one.pk),
        csr=factories.csr(factories.key()),
        supersede=True,
    )
    assert renewal is not None
    html = text(desk(crew.approver).get(page(renewal)))
    assert "revokes the version before" in html
    assert page(renewal) in text(desk(crew.approver).get(page(one)))


def test_who_sees_a_certificate_does_not_thereby_see_its_enrolments(crew: Crew) -> None:
    made = ask(crew.operator)
    one = ClientCertificate.objects.get()
    assign_perm("clients.view_clientcertificate", crew.outsider, one)
    client = desk(crew.outsider)
    assert page(made) not in text(client.get(page(one)))
    assert client.get(page(made)).status_code == 404


def test_an_identity_is_taken_up_changed_and_forgotten(crew: Crew) -> None:
    client = desk(crew.owner)
    sent = {"name": "Jane", "kind": "person", "common_name": "Jane Doe", "country": "DE"}
    client.post(page(Identity, "add"), sent | {"tags": "staff", "email": "jane@example.test"})
    jane = Identity.objects.get()
    assert (jane.name, jane.subject) == ("jane", {"C": "DE", "CN": "Jane Doe"})
    form = client.get(page(jane)).context["form"]
    kept = {name: form[name].value() or "" for name in form.fields}
    client.post(page(jane), kept | {"country": "", "unit": "Staff", "tags": "a, b"})
    jane.refresh_from_db()
    assert (jane.subject, jane.tags) == ({"OU": "Staff", "CN": "Jane Doe"}, ["a", "b"])
    response = client.post(page(jane, "delete"), follow=True)
    assert told(response)[-1] == "jane was deleted."


def test_what_is_wrong_about_an_identity_is_told_at_its_field(crew: Crew) -> None:
    factories.identity("jane")
    client = desk(crew.owner)
    good = {"name": "john", "kind": "person"}
    refused: tuple[tuple[dict[str, str], str], ...] = (
        ({"name": "../etc"}, "name"),
        ({"name": "jane"}, "name"),
        ({"kind": "ghost"}, "kind"),
        ({"email": "nobody"}, "email"),
        ({"country": "Germany"}, "country"),
        ({"serial_number": "§"}, "serial_number"),
        ({"tags": "x" * 65}, "tags"),
    )
    for changed, field in refused:
        response = client.post(page(Identity, "add"), good | changed)
        assert list(errors_of(response)) == [field], changed
    assert Identity.objects.count() == 1


def test_the_page_of_an_identity_has_its_certificates_and_a_way_to_the_next(crew: Crew) -> None:
    jane = factories.identity("jane")
    one, other = factories.issued("jane", identity="jane"), factories.issued("john")
    client = desk(crew.operator)
    html = text(client.get(page(jane)))
    assert page(one) in html
    assert page(other) not in html
    add = f"{page(ClientCertificate, 'add')}?identity=jane"
    assert add in html
    assert client.get(add).context["form"]["identity"].value() == "jane"
    assert add not in text(desk(crew.auditor).get(page(jane)))
    response = desk(crew.owner).post(page(jane, "delete"))
    assert "certificates" in errors_of(response)["__all__"][0]


def test_of_an_identity_only_visible_certificates_are_listed(crew: Crew) -> None:
    jane = factories.identity("jane")
    team = Team.objects.create(name="shop")
    shared = factories.issued("shared", identity="jane")
    hidden = factories.issued("hidden", identity="jane", team=team.name)
    client = desk(crew.outsider)
    assert client.get(page(jane)).status_code == 404
    assign_perm("clients.view_identity", crew.outsider, jane)
    assign_perm("clients.view_clientcertificate", crew.outsider, shared)
    html = text(client.get(page(jane)))
    assert page(shared) in html
    assert "hidden" not in html.partition("<table")[2].partition("</table")[0]
    assert page(hidden) not in html
    assert client.post(page(jane), {"kind": "person"}).status_code == 403
