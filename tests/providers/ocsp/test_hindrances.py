"""Makers of OCSP answers, and keys that fail, settings that change, and much to do."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from certmate.core import clock, jobs, stopping
from certmate.core.errors import UpstreamUnavailable
from providers import services
from providers.authority import answers
from providers.authority.custody.base import SoftwareSigner
from providers.models import Authority, AuthorityKey, LedgerEntry, OCSPResponse, Responder
from providers.services.ocsp import answering, health, producing, responders
from providers.tasks import answer_one
from tests.providers.authority import making
from tests.providers.authority.making import SYSTEM
from tests.providers.ocsp.asking import ask

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _issuers_are_new() -> Iterator[None]:
    answering.forget_issuers()
    yield
    answering.forget_issuers()


def away(*_: object) -> bytes:
    raise UpstreamUnavailable("The token is away.", code="pkcs11.unavailable")


@pytest.mark.parametrize(("part", "lines"), [("open", 0), ("sign", 10)])
def test_a_key_that_cannot_sign_is_tried_ever_less_often_and_told_of_once(
    part: str, lines: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    key = making.root().keys.get()
    begin = clock.now()
    with monkeypatch.context() as patch:
        if part == "open":
            patch.setattr(responders, "require_opens", away)
        else:
            patch.setattr(SoftwareSigner, "sign", away)
        for minute in range(0, 24 * 60, 5):
            now = begin + timedelta(minutes=minute)
            patch.setattr(clock, "now", lambda now=now: now)
            responders.keep()
    # After 0, 10, 20, 40, 80, 160, 320 and 640 minutes, and then each six hours.
    assert LedgerEntry.objects.filter(kind="ocsp").count() == lines
    assert caplog.text.count("was not made: The token is away.") == 1
    later = begin + timedelta(hours=31)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert responders.keep() == 1
    key.refresh_from_db()
    assert (key.responder_retry_at, key.responder_failing_since) == (None, None)


def test_how_many_responders_are_kept_makes_no_more_queries() -> None:
    def queries(*names: str) -> int:
        for name in names:
            making.root(name)
        responders.keep()
        with CaptureQueriesContext(connection) as asked:
            assert responders.keep() == 0
        return len(asked)

    assert queries("one") == queries("two", "three", "four")


def test_what_has_changed_goes_ahead_of_a_backlog_in_a_run_that_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = making.root()
    signed = [making.leaf(root) for _ in range(4)]
    producing.produce_due()
    begin = clock.now()
    LedgerEntry.objects.update(answer_due_at=begin - timedelta(hours=1))
    services.revoke_entry(actor=SYSTEM, entry=signed[3].entry)
    monkeypatch.setattr(producing, "AT_ONCE", 2)
    sign, now = answers.sign_all, [begin + timedelta(minutes=1)]
    monkeypatch.setattr(clock, "now", lambda: now[0])

    def slowly(*given: Any) -> Any:
        now[0] += stopping.TURN
        return sign(*given)

    def crash(*_: object) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(producing, "sign_all", crash)
    with pytest.raises(KeyboardInterrupt):
        producing.produce_due()
    now[0] += producing.AGAIN_AFTER
    monkeypatch.setattr(producing, "sign_all", slowly)
    assert producing.produce_due() == 2
    assert ask(signed[3]).status == "revoked", "although the message was lost, and a worker died"
    assert LedgerEntry.objects.filter(answer_due_at__lte=now[0]).count() > 2
    assert not LedgerEntry.objects.filter(answer_changed_at__isnull=False).exists()


def test_what_has_changed_is_found_by_an_index_of_its_own() -> None:
    due = LedgerEntry.objects.filter(answer_due_at__lte=clock.now()).order_by("answer_due_at")
    plans = [due.filter(answer_changed_at__isnull=value)[:9].explain() for value in (False, True)]
    if connection.vendor == "sqlite":  # PostgreSQL reads a table whole that is so small.
        assert "ledger_answer_changed" in plans[0]
        assert "ledger_answer_due" in plans[1]
        assert "TEMP B-TREE" not in "".join(plans)


def test_an_authority_that_is_made_meanwhile_is_answered_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    making.root("other")
    claim = producing._claim
    made: list[Any] = []

    def meanwhile(rows: Any) -> Any:
        if not made:
            made.append(making.leaf(making.root("new")))
        return claim(rows)

    monkeypatch.setattr(producing, "_claim", meanwhile)
    for _ in range(2):
        producing.produce_due()
    LedgerEntry.objects.update(answer_due_at=clock.now())
    producing.produce_due()
    assert ask(made[0]).status == "good"


def test_ocsp_that_is_turned_on_meanwhile_answers_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    root = making.root(ocsp_hours=0)
    signed = making.leaf(root)
    settle = producing._settle
    turned: list[Authority] = []

    def meanwhile(crew: Any, key: Any, lines: Any, lease: Any) -> int:
        if not turned:
            turned.append(services.update_authority(actor=SYSTEM, authority=root, ocsp_hours=96))
        return settle(crew, key, lines, lease)

    monkeypatch.setattr(producing, "_settle", meanwhile)
    for _ in range(2):
        producing.produce_due()
    assert ask(signed).status == "good"


def test_a_responder_that_was_revoked_signs_no_more() -> None:
    root = making.root()
    signed = making.leaf(root)
    producing.produce_due()
    old = Responder.objects.get(retired_at=None)
    opened = responders.opened(old.key_id)
    assert opened is not None
    services.revoke_entry(actor=SYSTEM, entry=old.entry, reason="keyCompromise")
    assert not responders.is_serving(opened)
    responders.keep()
    lease = clock.now()
    LedgerEntry.objects.filter(pk=signed.entry.pk).update(answer_due_at=lease)
    answer = OCSPResponse.objects.get(pk=signed.entry.pk)
    assert producing._keep([answer], opened, lease, lease) == 0
    producing.produce_due()
    assert not OCSPResponse.objects.filter(responder=old).exists()


def test_a_revocation_does_not_wait_for_the_lease_of_a_responder_that_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signed = making.leaf(making.root())
    producing.produce_due()
    old = Responder.objects.get(retired_at=None)
    services.revoke_entry(actor=SYSTEM, entry=signed.entry)
    keep = producing._keep

    def meanwhile(*given: Any) -> int:
        monkeypatch.setattr(producing, "_keep", keep)
        responders.replace(old.key, old)
        return keep(*given)

    monkeypatch.setattr(producing, "_keep", meanwhile)
    producing.produce_one(signed.entry.pk)
    assert ask(signed).status == "tryLater"
    producing.produce_due()
    assert ask(signed).status == "revoked"


def test_a_revocation_that_finds_no_responder_is_told_as_soon_as_there_is_one() -> None:
    signed = making.leaf(making.root())
    producing.produce_due()
    services.revoke_entry(actor=SYSTEM, entry=Responder.objects.get(retired_at=None).entry)
    services.revoke_entry(actor=SYSTEM, entry=signed.entry)
    producing.produce_one(signed.entry.pk)
    assert ask(signed).status == "tryLater"
    producing.produce_due()
    assert ask(signed).status == "revoked"


def test_who_was_faster_is_no_fault_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    key = making.root().keys.get()
    replace = responders.replace

    def together(*given: Any) -> Responder:
        replace(*given)
        return replace(*given)

    monkeypatch.setattr(responders, "replace", together)
    assert responders.keep() == 0
    key.refresh_from_db()
    assert key.responder_retry_at is None


def test_a_responder_whose_key_cannot_be_read_stops_no_other_and_is_replaced() -> None:
    one, other = making.root("one"), making.root("other")
    signed = making.leaf(other)
    producing.produce_due()
    broken = Responder.objects.get(key__authority=one)
    broken.private_key = {"pem": "garbage"}
    broken.save()
    services.revoke_entry(actor=SYSTEM, entry=signed.entry)
    producing.produce_one(signed.entry.pk)
    assert ask(signed).status == "revoked"
    producing.produce_due()
    assert Responder.objects.get(key__authority=one, retired_at=None) != broken


def test_a_revocation_waits_for_nothing_else(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    root = making.root()
    signed = [making.leaf(root) for _ in range(4)]
    producing.produce_due()
    LedgerEntry.objects.update(answer_due_at=clock.now())
    sent: list[tuple[Any, ...]] = []
    monkeypatch.setattr(jobs, "enqueue", lambda *message, **_: sent.append(message))
    with django_capture_on_commit_callbacks(execute=True):
        services.revoke_entry(actor=SYSTEM, entry=signed[2].entry)
    (message,) = [message for message in sent if message[0] == "providers.answer_one"]
    answer_one(*message[1:])
    assert ask(signed[2]).status == "revoked"
    assert LedgerEntry.objects.filter(answer_due_at__lte=clock.now()).count() > 1
    answer_one(*message[1:])
    assert ask(signed[2]).status == "revoked", "the same message twice"


def test_what_was_issued_together_does_not_come_up_together_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = making.root()
    for _ in range(4):
        making.leaf(root)
    monkeypatch.setattr(producing, "AT_ONCE", 1)
    producing.produce_due()
    due = list(LedgerEntry.objects.values_list("answer_due_at", flat=True))
    assert len({at.replace(microsecond=0) for at in due if at}) > 3
    now = clock.now()
    half = timedelta(hours=root.ocsp_hours) / 2
    assert all(at and now + half * 0.79 <= at <= now + half for at in due)


def test_an_authority_without_a_trusted_responder_has_no_expiry() -> None:
    root, silent = making.root(), making.root("silent")
    making.root("off", ocsp_hours=0)
    now = clock.now()
    assert health.first_expiry(SYSTEM, now) == {"root": None, "silent": None}
    producing.produce_due()
    services.revoke_entry(actor=SYSTEM, entry=Responder.objects.get(key__authority=silent).entry)
    AuthorityKey.objects.filter(authority=Authority.objects.get(name="off")).update(not_after=now)
    ends = health.first_expiry(SYSTEM, now)
    assert ends["silent"] is None
    assert ends["root"] == Responder.objects.get(key__authority=root).entry.not_after
