"""Answers are made of what is due, whoever dies or comes between; responders live a month."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import current_app
from django.db import connection
from django.test.utils import CaptureQueriesContext

from certmate.audit.models import Event
from certmate.core import clock, crew, jobs
from certmate.core.errors import CertMateError, Conflict
from certmate.core.stopping import Turn
from certmate.pki.keys import load_private_key
from certmate.pki.ocsp import responses
from providers import services, tasks
from providers.authority import answers
from providers.authority.building import spki_of
from providers.authority.custody.base import SoftwareSigner
from providers.choices import EntryState
from providers.models import CRL, Authority, LedgerEntry, OCSPResponse, Responder
from providers.services import crl_changes, ledger
from providers.services.ocsp import health, producing, responders
from tests.providers.authority import making
from tests.providers.authority.making import SYSTEM
from tests.providers.ocsp.asking import ask

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """What the clock shows, in its only element."""
    shown = [datetime.now(UTC).replace(microsecond=0)]
    monkeypatch.setattr(clock, "now", lambda: shown[0])
    monkeypatch.setattr(clock, "jitter", lambda _: timedelta(0))
    return shown


def serving(authority: Authority) -> Responder:
    rows = Responder.objects.select_related("entry", "key")
    return rows.get(key__authority=authority, retired_at=None)


def due(entry: LedgerEntry) -> datetime | None:
    return LedgerEntry.objects.get(pk=entry.pk).answer_due_at


def test_an_answer_is_made_anew_at_half_of_its_validity(
    at: list[datetime], root: Authority
) -> None:
    signed = making.leaf(root)
    # Its own, the authority's and the responder's.
    assert producing.produce_due() == 3
    assert producing.produce_due() == 0
    assert due(signed.entry) == at[0] + timedelta(hours=48)
    first = ask(signed).http.content
    at[0] += timedelta(hours=48)
    assert ask(signed).http.content == first
    assert producing.produce_due() == 3
    assert ask(signed).http.content != first


def test_what_has_expired_is_forgotten_and_never_due_again(
    at: list[datetime], root: Authority
) -> None:
    signed = making.leaf(root)
    producing.produce_due()
    at[0] = signed.entry.not_after - timedelta(hours=1)
    producing.produce_due()
    assert ask(signed).status == "good"
    assert due(signed.entry) == signed.entry.not_after
    at[0] = signed.entry.not_after
    producing.produce_due()
    assert ask(signed).status == "unauthorized"
    assert due(signed.entry) is None
    services.revoke_entry(actor=SYSTEM, entry=signed.entry)
    producing.produce_due()
    assert due(signed.entry) is None


def test_an_answer_that_came_too_late_is_not_kept(
    root: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = making.leaf(root)
    producing.produce_due()
    LedgerEntry.objects.update(answer_due_at=clock.now())
    sign = answers.sign_all

    def slowly(*arguments: Any) -> list[list[bytes]]:
        made = sign(*arguments)
        monkeypatch.setattr(producing, "sign_all", sign)
        services.revoke_entry(actor=SYSTEM, entry=signed.entry)
        return made

    monkeypatch.setattr(producing, "sign_all", slowly)
    producing.produce_due()
    assert ask(signed).status == "tryLater"
    producing.produce_due()
    assert ask(signed).status == "revoked"


def test_two_at_once_keep_one_answer(root: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    signed = making.leaf(root)
    keep = producing._keep
    slow: list[Any] = []

    def slowly(*answers: Any) -> int:
        if not slow:
            slow.append(answers)
            return 0
        return keep(*answers)

    monkeypatch.setattr(producing, "_keep", slowly)
    producing.produce_due()
    LedgerEntry.objects.filter(pk=signed.entry.pk).update(answer_due_at=clock.now())
    assert producing.produce_due() == 1
    content = ask(signed).http.content
    (late,) = slow
    assert keep(*late) == 2, "the authority's own and the responder's, which nobody else took"
    assert ask(signed).http.content == content


def test_what_a_crash_leaves_comes_up_again(
    at: list[datetime], root: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = making.leaf(root)
    with monkeypatch.context() as patched:
        patched.setattr(producing, "sign_all", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            producing.produce_due()
    assert producing.produce_due() == 0, "it is still somebody's"
    at[0] += producing.AGAIN_AFTER
    assert producing.produce_due() == 3
    assert ask(signed).status == "good"


def _interrupted(*_: object, **__: object) -> bytes:
    raise KeyboardInterrupt


def test_a_line_that_was_given_up_is_answered_for_as_revoked(root: Authority) -> None:
    signed = making.leaf(root, keep=False)
    ledger.give_up(signed.entry, "A test.")
    producing.produce_due()
    assert making.entry(signed).state == EntryState.ABANDONED
    assert ask(signed).status == "revoked"


def test_a_chunk_at_a_time_and_a_fixed_number_of_queries(
    root: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    producing.produce_due()
    numbers = []
    for count in (2, 12):
        for _ in range(count):
            making.leaf(root)
        with CaptureQueriesContext(connection) as asked:
            assert producing.produce_due() == count
        numbers.append(len(asked))
    assert numbers[0] == numbers[1]
    monkeypatch.setattr(producing, "AT_ONCE", 5)
    LedgerEntry.objects.update(answer_due_at=clock.now())
    assert producing.produce_due() == LedgerEntry.objects.count() == 16


def test_many_are_signed_in_a_process_of_their_own(
    root: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "SMALL", 3)
    monkeypatch.setattr(answers, "sign", _interrupted)  # The other process has its own.
    signed = making.leaf(root)
    assert producing.produce_due() == 3
    assert ask(signed).status == "good"


def test_other_hours_make_all_answers_anew_and_none_takes_them_away(root: Authority) -> None:
    signed = making.leaf(root)
    producing.produce_due()
    services.update_authority(actor=SYSTEM, authority=root, ocsp_hours=2)
    assert producing.produce_due() == 3
    (one,) = ask(signed).response.responses
    assert one.next_update_utc is not None
    assert one.next_update_utc - one.this_update_utc == timedelta(hours=2)
    services.update_authority(actor=SYSTEM, authority=root, ocsp_hours=2)
    assert producing.produce_due() == 0
    services.update_authority(actor=SYSTEM, authority=root, ocsp_hours=0)
    assert producing.produce_due() == 0
    assert OCSPResponse.objects.count() == 0
    assert due(signed.entry) is None
    services.update_authority(actor=SYSTEM, authority=root, ocsp_hours=2)
    producing.produce_due()
    assert ask(signed).status == "good"


def test_a_key_store_that_is_away_stops_no_other_authority(
    at: list[datetime], root: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = making.root("other")
    mine, theirs = making.leaf(root), making.leaf(other)
    away = making.key_of(root).private_key["pem"]
    public = spki_of(load_private_key(away).public_key())
    sign = SoftwareSigner.sign

    def signed(signer: SoftwareSigner, data: bytes) -> bytes:
        if spki_of(signer.public_key) == public:
            raise CertMateError("The token is away.", code="pkcs11.unavailable")
        return sign(signer, data)

    with monkeypatch.context() as patched:
        patched.setattr(SoftwareSigner, "sign", signed)
        producing.produce_due()
    assert [ask(one).status for one in (mine, theirs)] == ["tryLater", "good"]
    at[0] += responders.RETRY_AFTER
    producing.produce_due()
    assert ask(mine).status == "good"


def test_a_responder_is_replaced_at_half_of_its_life(at: list[datetime], root: Authority) -> None:
    signed = making.leaf(root)
    producing.produce_due()
    first = serving(root)
    assert first.entry.not_after - at[0] == 30 * DAY - timedelta(seconds=1)
    at[0] += 14 * DAY
    producing.produce_due()
    assert serving(root) == first
    before = ask(signed).http.content
    at[0] += DAY
    responders.keep()
    second = serving(root)
    assert second != first
    assert ask(signed).http.content == before, "what it has signed is as good as before"
    at[0] += 2 * DAY
    producing.produce_due()
    after = ask(signed)
    (certificate,) = after.response.certificates
    assert certificate.serial_number == int(second.entry.serial, 16)
    first.refresh_from_db()
    assert first.private_key == {}
    at[0] += 15 * DAY
    responders.keep()
    assert not Responder.objects.filter(pk=first.pk).exists(), "nothing of it is good any more"
    made = Event.objects.filter(name="authority.responder_made")
    assert made.count() == 3


def test_the_last_responder_ends_with_the_authority(at: list[datetime]) -> None:
    root = making.root(validity_days=20)
    signed = making.leaf(root)
    producing.produce_due()
    key = making.key_of(root)
    assert serving(root).entry.not_after == key.not_after
    at[0] += 12 * DAY
    producing.produce_due()
    assert Responder.objects.count() == 1
    at[0] += 7 * DAY
    producing.produce_due()
    (one,) = ask(signed).response.responses
    assert one.next_update_utc == key.not_after


def test_a_revoked_responder_and_all_that_it_has_signed_are_replaced(root: Authority) -> None:
    signed = making.leaf(root)
    producing.produce_due()
    first = serving(root)
    services.revoke_entry(actor=SYSTEM, entry=first.entry, reason="keyCompromise")
    assert producing.produce_due() == 4, "those three, and the new responder's"
    second = serving(root)
    assert second != first
    (certificate,) = ask(signed).response.certificates
    assert certificate.serial_number == int(second.entry.serial, 16)
    assert ask(first.entry).status == "revoked"


def test_whoever_comes_second_gives_his_responder_up(root: Authority) -> None:
    responders.keep()
    key, present = making.key_of(root), serving(root)
    with pytest.raises(Conflict) as refused:
        responders.replace(key, None)
    assert refused.value.code == "ocsp.replaced"
    assert serving(root) == present
    given_up = LedgerEntry.objects.get(state=EntryState.ABANDONED)
    assert given_up.kind == "ocsp"
    assert given_up.revocation.reason == "unspecified"


def test_each_key_has_a_responder_of_its_own(root: Authority) -> None:
    before = making.leaf(root)
    services.rotate_authority(actor=SYSTEM, authority=root)
    after = making.leaf(root)
    services.update_authority(actor=SYSTEM, authority=root, disabled=True)
    producing.produce_due()
    assert Responder.objects.filter(retired_at=None).count() == 2
    assert [ask(one).status for one in (before, after)] == ["good", "good"]
    # The new key's certificate by the old key is a certificate as well.
    crossed = LedgerEntry.objects.filter(kind="ca", key=before.entry.key).order_by("pk")[1]
    assert ask(crossed).status == "good"


def test_a_responder_stands_in_the_ledger_and_on_no_crl(root: Authority) -> None:
    responders.keep()
    entry = serving(root).entry
    assert (entry.kind, entry.holder, entry.state) == ("ocsp", "authority/root", EntryState.SIGNED)
    assert entry.not_after - entry.not_before < 31 * DAY
    services.publish_crls(actor=SYSTEM, authority=root)
    assert CRL.objects.get().entries == 0


def test_the_numbers_tell_what_is_late(at: list[datetime], root: Authority) -> None:
    making.root("quiet", ocsp_hours=0)
    began = at[0]
    at[0] += DAY
    found = health.health()
    assert [(one.authority, one.key, one.expires_at) for one in found.responders] == [
        ("root", 1, None)
    ]
    # Its own line and that of the other, which is to be told that it has no OCSP.
    assert (found.backlog, found.oldest_due_at) == (2, began)
    producing.produce_due()
    found = health.health()
    assert found.responders[0].expires_at == serving(root).entry.not_after
    assert (found.backlog, found.oldest_due_at) == (0, None)


def test_a_change_wakes_a_maker_once_for_all_that_comes_meanwhile(
    root: Authority,
    at: list[datetime],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    sent: list[tuple[str, Any]] = []

    def send(name: str, countdown: float | None = None, **_: Any) -> None:
        sent.append((name, countdown))

    monkeypatch.setattr(current_app, "send_task", send)
    monkeypatch.setattr(jobs, "_woken", {})
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            making.leaf(root)
            making.leaf(root)
    wake = (ledger.PRODUCE_ANSWERS, 1.0)
    assert sent == [wake]
    at[0] += jobs.WAKE_AFTER / 2
    monkeypatch.setattr(ledger, "WAKES_UP_TO", 0)
    with django_capture_on_commit_callbacks(execute=True):
        making.leaf(root)
    assert sent == [wake], "what comes in bulk waits for the scheduler"
    with django_capture_on_commit_callbacks(execute=True):
        services.revoke_entry(actor=SYSTEM, entry=making.leaf(root).entry)
    assert sent.count(wake) == 1
    assert [name for name, _ in sent[1:]] == [crl_changes.PUBLISH_CRL, ledger.ANSWER_ONE]


def test_a_status_has_one_encoding() -> None:
    """As RFC 6960 §4.2.1 has them; other people's reading of whole answers is tested elsewhere."""
    began = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert responses.refused(responses.Refusal.TRY_LATER) == bytes.fromhex("30030a0103")
    assert responses._status(responses.GOOD) == bytes.fromhex("8000")
    assert responses._status(responses.UNKNOWN) == bytes.fromhex("8200")
    told = responses._status(responses.Status(began, "superseded"))
    assert told == bytes.fromhex("a116180f") + b"20300102030405Z" + bytes.fromhex("a0030a0104")


def test_one_thread_of_a_worker_makes_them_and_hears_who_comes_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[int] = []

    def produce(_: Turn) -> None:
        made.append(len(made))
        if len(made) < 3:
            # As if a message had come for another thread.
            with ThreadPoolExecutor(1) as pool:
                pool.submit(tasks.produce_answers).result()
            assert len(made) == made[-1] + 1, "it has not begun to work as well"

    monkeypatch.setattr(producing, "produce_due", produce)
    tasks.produce_answers()
    assert made == [0, 1, 2]
