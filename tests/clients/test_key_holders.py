"""A CSR that somebody else sends again gives him no hold of the key that it is of."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from guardian.shortcuts import assign_perm

from certmate.access.actors import Actor
from certmate.access.models import Team
from certmate.core.errors import Conflict
from clients import batching, services
from clients.models import BatchRow, ClientCertificate
from clients.services import ClientWish
from clients.services.rows import from_json
from providers.models import Authority, BlockedKey, LedgerEntry, Profile
from providers.services import create_authority, key_holders, revoke_entry
from tests import factories_clients as factories
from tests.caller import Answer, Caller, problem
from tests.cast import confined
from tests.clients.conftest import Crew
from tests.clients.world import SYSTEM

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("authority")]

PATH = "/api/client-certificates"


@pytest.fixture
def csr() -> str:
    return factories.csr(factories.key(), "victim")


@pytest.fixture
def stranger(crew: Crew, authority: Authority) -> Caller:
    """May ask for certificates and revoke them under a team of his own, and nothing else."""
    user = crew.outsider
    confined(user, "his", "view", "add", "revoke")
    assign_perm("providers.view_authority", user, authority)
    user.user_permissions.add(Permission.objects.get(codename="view_profile"))
    return Caller(User.objects.get(pk=user.pk), "operate")


def asks(caller: Caller, csr: str, **fields: Any) -> Answer:
    return caller.post(PATH, identifier="mine", team="his", csr=csr, **fields)


def victim(csr: str) -> ClientCertificate:
    return factories.issued("victim", identifier="victim", csr=csr)


def now(certificate: ClientCertificate) -> ClientCertificate:
    return ClientCertificate.objects.get(pk=certificate.pk)


def compromised(certificate: ClientCertificate, actor: Actor = SYSTEM, **what: Any) -> None:
    services.revoke_client_certificate(
        actor=actor, certificate=certificate, reason="keyCompromise", **what
    )


def shared(csr: str, monkeypatch: pytest.MonkeyPatch) -> ClientCertificate:
    """The stranger's certificate of another's key, as it was had before that was refused."""
    with monkeypatch.context() as patched:
        patched.setattr(key_holders, "require_certifiable", lambda _: None)
        team = Team.objects.get(name="his")
        return factories.issued("mine", identifier="mine", csr=csr, team=team.name)


def test_the_key_of_another_holder_is_not_certified(stranger: Caller, csr: str) -> None:
    before = victim(csr)
    lines = LedgerEntry.objects.count()
    answer = asks(stranger, csr)
    problem(answer, 409, "key.other_holder")
    assert "victim" not in answer.content.decode()
    assert LedgerEntry.objects.count() == lines
    assert now(before).state == "active"


def test_nor_is_that_of_a_holder_who_is_late_or_on_hold(stranger: Caller, csr: str) -> None:
    held = victim(csr)
    services.revoke_client_certificate(actor=SYSTEM, certificate=held, reason="certificateHold")
    problem(asks(stranger, csr), 409, "key.other_holder")
    services.release_client_certificate(actor=SYSTEM, certificate=now(held))
    LedgerEntry.objects.filter(holder="client/victim").update(not_after="2020-01-01T00:00:00Z")
    problem(asks(stranger, csr), 409, "key.other_holder")


@pytest.mark.parametrize("state", ["waiting", "responder"])
def test_the_key_of_an_authority_is_in_no_leaf(stranger: Caller, csr: str, state: str) -> None:
    named: dict[str, Any] = {"subject": {"CN": "Outside"}, "key_type": "ec256"}
    if state == "waiting":
        waits = create_authority(actor=SYSTEM, name="outside", kind="intermediate", **named)
        csr = waits.keys.get().csr
    else:
        made = victim(csr)
        services.revoke_client_certificate(actor=SYSTEM, certificate=made)
        LedgerEntry.objects.filter(holder="client/victim").update(kind="ocsp")
    problem(asks(stranger, csr), 409, "key.authority")


def test_what_waits_for_approval_is_refused_before_anybody_is_asked(
    stranger: Caller, csr: str
) -> None:
    victim(csr)
    Profile.objects.filter(name="client").update(needs_approval=True)
    problem(asks(stranger, csr), 409, "key.other_holder")
    assert not ClientCertificate.objects.filter(identifier="mine").exists()


def test_an_approval_does_not_certify_what_became_anothers_meanwhile(
    crew: Crew, stranger: Caller, csr: str
) -> None:
    Profile.objects.filter(name="client").update(needs_approval=True)
    assert asks(stranger, csr).status_code == 202
    Profile.objects.filter(name="client").update(needs_approval=False)
    victim(csr)
    enrolment = ClientCertificate.objects.get(identifier="mine").enrolments.get()
    with pytest.raises(Conflict) as refused:
        services.approve_enrolment(actor=Actor.of(crew.approver), enrolment=enrolment)
    assert refused.value.code == "key.other_holder"


def test_the_same_certificate_is_renewed_with_the_same_key(csr: str) -> None:
    made = victim(csr)
    services.renew_client_certificate(actor=SYSTEM, certificate=made)
    services.renew_client_certificate(actor=SYSTEM, certificate=now(made), csr=csr)
    assert made.versions.count() == 3


def test_a_key_that_was_given_up_can_be_certified_under_another_name(csr: str) -> None:
    made = victim(csr)
    services.revoke_client_certificate(
        actor=SYSTEM, certificate=made, reason="cessationOfOperation"
    )
    assert factories.issued("renamed", csr=csr).state == "active"


def run(crew: Crew, rows: list[dict[str, Any]]) -> dict[str, str]:
    """The code of each row that failed, by its identifier, and nothing of the others."""
    batch = services.create_batch(
        actor=Actor.of(crew.owner), frame_wish=ClientWish(), rows=from_json(rows)
    )
    batching.run_batch(batch.pk)
    return dict(BatchRow.objects.filter(batch=batch).values_list("identifier", "error_code"))


def test_a_row_of_a_batch_with_anothers_key_fails_alone(crew: Crew, csr: str) -> None:
    victim(csr)
    own = factories.csr(factories.key(), "own")
    waits = create_authority(
        actor=SYSTEM, name="outside", kind="intermediate", subject={"CN": "Outside"}
    )
    given = {"one": csr, "two": own, "three": own, "four": waits.keys.get().csr}
    rows: list[dict[str, Any]] = [{"identifier": name, "csr": of} for name, of in given.items()]
    assert run(crew, [*rows, {"common_name": "five"}]) == {
        "one": "key.other_holder",
        "two": "",
        "three": "key.other_holder",
        "four": "key.authority",
        "five": "",
    }


def test_many_rows_ask_as_often_as_few(crew: Crew) -> None:
    """About whose their keys are."""
    counts = []
    for number in (2, 40):
        rows = [
            {"identifier": f"d-{number}-{n}", "csr": factories.csr(factories.key())}
            for n in range(number)
        ]
        with CaptureQueriesContext(connection) as asked:
            run(crew, rows)
        counts.append(sum('FROM "providers_authoritykey"' in one["sql"] for one in asked))
    assert counts[0] == counts[1]


def test_a_compromise_reaches_nothing_that_one_may_not_revoke(
    stranger: Caller, csr: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, his = victim(csr), shared(csr, monkeypatch)
    answer = stranger.post(f"{PATH}/mine/revoke", reason="keyCompromise")
    assert answer.status_code == 200
    assert (now(his).state, now(before).state) == ("revoked", "active")
    assert not BlockedKey.objects.exists()
    services.renew_client_certificate(actor=SYSTEM, certificate=before)
    assert before.versions.count() == 2


def test_who_had_the_key_first_still_blocks_it(
    crew: Crew, stranger: Caller, csr: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, his = victim(csr), shared(csr, monkeypatch)
    assign_perm("clients.revoke_clientcertificate", crew.approver, before)
    assign_perm("clients.view_clientcertificate", crew.approver, before)
    compromised(before, Actor.of(User.objects.get(pk=crew.approver.pk)))
    assert (now(before).state, now(his).state) == ("revoked", "active")
    assert BlockedKey.objects.count() == 1
    with pytest.raises(Conflict) as refused:
        factories.issued("again", csr=csr)
    assert refused.value.code == "key.blocked"


def test_who_may_revoke_both_revokes_both(
    stranger: Caller, csr: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, his = victim(csr), shared(csr, monkeypatch)
    compromised(his)
    assert (now(his).state, now(before).state) == ("revoked", "revoked")
    assert BlockedKey.objects.count() == 1


def test_whoever_signs_for_an_authority_revokes_all_that_it_signed(
    crew: Crew,
    authority: Authority,
    stranger: Caller,
    csr: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, his = victim(csr), shared(csr, monkeypatch)
    for verb in ("view", "revoke"):
        assign_perm(f"providers.{verb}_authority", crew.approver, authority)
    entry = LedgerEntry.objects.get(holder="client/mine")
    actor = Actor.of(User.objects.get(pk=crew.approver.pk))
    revoke_entry(actor=actor, entry=entry, reason="keyCompromise")
    assert (now(his).state, now(before).state) == ("revoked", "revoked")


def test_the_own_versions_of_a_compromised_key_go_along(stranger: Caller, csr: str) -> None:
    assert asks(stranger, csr).status_code == 201
    made = ClientCertificate.objects.get(identifier="mine")
    services.renew_client_certificate(actor=SYSTEM, certificate=made)
    assert stranger.post(f"{PATH}/mine/revoke", reason="keyCompromise").status_code == 200
    assert set(made.versions.values_list("revocation_reason", flat=True)) == {"keyCompromise"}
    assert BlockedKey.objects.count() == 1


def test_an_old_version_tells_nothing_against_who_has_the_key_now(
    stranger: Caller, csr: str
) -> None:
    assert asks(stranger, csr).status_code == 201
    assert stranger.post(f"{PATH}/mine/revoke", reason="superseded").status_code == 200
    after = victim(csr)
    assert stranger.post(f"{PATH}/mine/revoke", reason="keyCompromise").status_code == 200
    assert now(after).state == "active"
    assert not BlockedKey.objects.exists()


def test_the_key_may_become_anothers_between_request_and_signature(
    csr: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = key_holders.require_certifiable
    calls: list[object] = []

    def meanwhile(wanted: Any) -> None:
        calls.append(wanted)
        if len(calls) == 2:
            victim(csr)
        check(wanted)

    monkeypatch.setattr(key_holders, "require_certifiable", meanwhile)
    with pytest.raises(Conflict) as refused:
        factories.issued("mine", csr=csr)
    assert refused.value.code == "key.other_holder"
    assert not LedgerEntry.objects.filter(holder="client/mine").exists()
