"""The lists of clients: fast however long they are, narrowed and worked on."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from guardian.shortcuts import assign_perm

from certmate.access import policy
from certmate.access.models import Team
from certmate.core import clock
from clients import services
from clients.models import Batch, ClientCertificate, ClientVersion, Enrolment, Identity
from providers.models import Authority, LedgerEntry, Profile
from storage.models import StorageTarget
from tests import factories_clients as factories
from tests.clients import world
from tests.clients.conftest import Crew
from tests.clients.test_admin_certificates import desk
from tests.factories import authority
from tests.ui.pages import page, queries, text, told

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("authority")]

MODELS = (ClientCertificate, Identity, Enrolment, Batch)


def fill(count: int) -> None:
    """A row of each list, with everything that it shows."""
    team = Team.objects.get_or_create(name="shop")[0]
    user = User.objects.get(username="operator")
    alike = {"team": team, "authority": Authority.objects.get()}
    more = {"profile": Profile.objects.get(name="client"), "storage_target": _target()}
    for number in range(Identity.objects.count(), Identity.objects.count() + count):
        identity = Identity.objects.create(name=f"i{number}", kind="iot", team=team)
        one = ClientCertificate.objects.create(
            identifier=f"c{number}", identity=identity, certificate_type="client", **alike, **more
        )
        asked = {"requested_by": user, "identifier": one.identifier, "certificate": one}
        Enrolment.objects.create(state="pending", wish={}, **asked, **alike)
        Batch.objects.create(total=7, requested_by=user, **alike, **more)


def _target() -> StorageTarget:
    return StorageTarget.objects.get(is_default=True)


@pytest.mark.parametrize("who", ["owner", "operator", "outsider"])
def test_a_list_takes_as_many_queries_for_fifty_rows_as_for_five(crew: Crew, who: str) -> None:
    user: User = getattr(crew, who)
    fill(5)
    if who == "outsider":
        assign_perm("access.view_under_team", user, Team.objects.get())
    client = desk(user)
    few = {model: queries(client, page(model, "changelist")) for model in MODELS}
    fill(45)
    many = {model: queries(client, page(model, "changelist")) for model in MODELS}
    assert many == few
    assert max(few.values()) <= {"owner": 9, "operator": 17, "outsider": 27}[who]


def test_a_page_takes_as_many_queries_for_many_versions_and_certificates(crew: Crew) -> None:
    holder = factories.identity("jane")
    one = factories.issued("jane", identity="jane", identifier="jane")
    client = desk(crew.owner)
    few = [queries(client, page(shown)) for shown in (one, holder)]
    for number in range(3):
        services.renew_client_certificate(actor=world.SYSTEM, certificate=one)
        factories.issued(f"jane {number}", identity="jane")
    assert [queries(client, page(shown)) for shown in (one, holder)] == few


def test_no_list_reads_pem_wishes_or_what_no_column_shows(crew: Crew) -> None:
    fill(2)
    with CaptureQueriesContext(connection) as captured:
        for model in MODELS:
            assert desk(crew.owner).get(page(model, "changelist")).status_code == 200
    for query in captured:
        for column in ('"csr"', '"cert"', '"chain"', '"wish"', '"subject"', '"alt_names"', '"tbs"'):
            assert column not in query["sql"]


def rows(user: User, model: type[Any] = ClientCertificate, **query: str) -> set[str]:
    found = desk(user).get(page(model, "changelist"), query).context["cl"].result_list
    return {getattr(row, "identifier", None) or str(row) for row in found}


def bare(identifier: str, **fields: Any) -> ClientCertificate:
    """A row of the list that nothing was issued for."""
    defaults: dict[str, Any] = {
        "authority": Authority.objects.get(name="issuing"),
        "storage_target": _target(),
    }
    defaults |= {"certificate_type": "client", "state": "active"}
    return ClientCertificate.objects.create(identifier=identifier, **(defaults | fields))


def test_the_list_is_filtered_by_what_matters(crew: Crew) -> None:
    now = clock.now()
    for name, days in (("late", -1), ("week", 5), ("month", 20), ("far", 80)):
        bare(name, expires_at=now + timedelta(days=days))
    bare("new", state="pending", certificate_type="iot")
    shop, _ = (Team.objects.create(name=name) for name in ("shop", "blue"))
    bare("acting", notice_at=now, team=shop)
    held = bare("held", state="held", identity=factories.identity("jane"))
    bare("other", authority=authority("other"), expires_at=now + timedelta(days=80))
    look = crew.auditor
    assert rows(look, expiry="expired") == {"late"}
    assert rows(look, expiry="7") == {"week"}
    assert rows(look, expiry="30") == {"week", "month"}
    assert rows(look, expiry="never") == {"new", "acting", "held"}
    assert rows(look, needs_action="yes") == {"acting"}
    assert rows(look, type="iot") == {"new"}
    assert rows(look, state="held") == rows(look, identity=str(held.identity_id)) == {"held"}
    assert rows(look, team__id__exact=str(shop.pk)) == {"acting"}
    assert len(rows(look, authority__id__exact=str(Authority.objects.get(name="issuing").pk))) == 7


def test_a_state_is_filtered_alike_whether_few_or_many_are_in_it(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare("one")
    bare("held", state="held")
    assert rows(crew.auditor, state="held") == {"held"}
    monkeypatch.setattr(policy, "FEW", 0)
    with CaptureQueriesContext(connection) as captured:
        assert rows(crew.owner, state="held") == {"held"}
    assert any("COALESCE" in query["sql"] for query in captured)


def test_sorted_by_expiry_the_list_follows_the_index(crew: Crew) -> None:
    now = clock.now()
    for name, days in (("b", 3), ("a", 3), ("c", 1)):
        bare(name, expires_at=now + timedelta(days=days))
    for order, wanted in (("3", ["c", "b", "a"]), ("-3", ["a", "b", "c"])):
        listed = desk(crew.owner).get(page(ClientCertificate, "changelist"), {"o": order})
        assert [one.identifier for one in listed.context["cl"].result_list] == wanted


def test_a_certificate_is_found_by_its_beginning_serial_or_fingerprint(crew: Crew) -> None:
    one = factories.issued("jane", identifier="jane.laptop")
    factories.issued("john")
    version = ClientVersion.objects.get(certificate=one)
    serial = ":".join(version.serial[at : at + 2] for at in range(0, len(version.serial), 2))
    for term in ("jane", "JANE.l", serial.upper(), f"00{version.serial}", version.fingerprint):
        assert rows(crew.auditor, q=term) == {"jane.laptop"}, term
    assert rows(crew.auditor, q="laptop") == set()


def test_a_row_says_what_is_unusual(crew: Crew) -> None:
    now = clock.now()
    bare("a", common_name="Jane Doe", expires_at=now - timedelta(hours=1), notice_at=now)
    bare("b", expires_at=now + timedelta(days=2), auto_renew=False)
    bare("c", state="pending")
    bare("d", state="held", method="manual")
    bare("e", state="revoked")
    html = text(desk(crew.auditor).get(page(ClientCertificate, "changelist")))
    words = ("Expired", "Needs action", "Expiring", "Manual", "Waiting", "On hold", "Uploaded")
    for word in (*words, "Revoked"):
        assert f">{word}</span>" in html, word
    assert "Jane Doe" in html


def test_an_empty_list_says_where_to_begin(crew: Crew) -> None:
    client = desk(crew.owner)
    for model in (ClientCertificate, Identity, Batch):
        assert page(model, "add") in text(client.get(page(model, "changelist")))
    assert "state=all" in text(client.get(page(Enrolment, "changelist")))


def forget_the_authority() -> None:
    LedgerEntry.objects.all().delete()
    Authority.objects.all().delete()


def test_without_an_authority_that_is_where_to_begin(crew: Crew) -> None:
    forget_the_authority()
    html = text(desk(crew.owner).get(page(ClientCertificate, "changelist")))
    assert page(Authority, "add") in html
    assert page(Authority, "add") in text(desk(crew.owner).get(page(ClientCertificate, "add")))


def act(user: User, action: str, *chosen: ClientCertificate) -> list[str]:
    sent = {"action": action, "_selected_action": [one.pk for one in chosen], "index": "0"}
    return told(desk(user).post(page(ClientCertificate, "changelist"), sent, follow=True))


def test_a_bulk_renewal_tells_how_many_were_done_and_why_others_were_not(crew: Crew) -> None:
    one, held = factories.issued("jane"), factories.issued("john")
    services.revoke_client_certificate(
        actor=world.SYSTEM, certificate=held, reason="certificateHold"
    )
    (message,) = act(crew.operator, "renew_selected", one, held)
    assert message.startswith("1 renewed, 1 skipped: john is on hold.")
    assert (one.versions.count(), held.versions.count()) == (2, 1)


def test_automatic_renewal_is_turned_off_and_on_for_what_may_be_changed(crew: Crew) -> None:
    one, hidden = factories.issued("jane"), factories.issued("john")
    for verb in ("view", "change"):
        assign_perm(f"clients.{verb}_clientcertificate", crew.outsider, one)
    act(crew.outsider, "turn_renewal_off", one, hidden)
    renewed = dict(ClientCertificate.objects.values_list("identifier", "auto_renew"))
    assert renewed == {"jane": False, "john": True}
    assert ClientCertificate.objects.get(pk=one.pk).renew_at is None
    act(crew.operator, "turn_renewal_on", one)
    assert ClientCertificate.objects.get(pk=one.pk).renew_at is not None


def test_the_overview_counts_what_needs_somebody(crew: Crew) -> None:
    now = clock.now()
    bare("week", expires_at=now + timedelta(days=5))
    bare("month", expires_at=now + timedelta(days=20), notice_at=now)
    fill(1)
    Batch.objects.update(state="queued")
    Enrolment.objects.create(state="pending", wish={}, identifier="x", requested_by=crew.approver)
    answers = desk(crew.approver).get("/admin/").context["answers"]
    own = [answer for answer in answers if "/clients/" in answer.url]
    assert [answer.count for answer in own] == [1, 2, 1, 1, 1]
    for answer in own:
        shown = desk(crew.approver).get(answer.url).context["cl"].result_count
        assert shown == answer.count, answer.label
    assert "decision=mine" not in text(desk(crew.auditor).get("/admin/"))
    told_outside = desk(crew.outsider).get("/admin/").context["answers"]
    assert not [answer for answer in told_outside if "/clients/" in answer.url]


def test_the_overview_says_that_identities_need_an_authority(crew: Crew) -> None:
    def hinted(user: User) -> list[str]:
        return [hint.url for hint in desk(user).get("/admin/").context["hints"]]

    add = page(Authority, "add")
    factories.identity("jane")
    assert add not in hinted(crew.owner)
    forget_the_authority()
    assert add in hinted(crew.owner)
    assert add not in hinted(crew.auditor)
