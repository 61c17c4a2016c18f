"""Whatever happens in whatever order, with kills in between: no answer ever contradicts the ledger,
and a while after the last kill there is one about each certificate.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certmate.core import clock
from certmate.core.errors import Conflict, IntegrityFault
from providers import services
from providers.choices import EntryState
from providers.models import Authority, LedgerEntry, Responder
from providers.services import ledger
from providers.services.ocsp import answering, producing
from tests.providers.authority import making
from tests.providers.authority.making import SYSTEM
from tests.providers.ocsp.asking import judged, request_for

pytestmark = pytest.mark.django_db

EXAMPLES = int(os.environ.get("CERTMATE_TEST_EXAMPLES", "15"))
"""How many histories are tried."""
REASONS = ("unspecified", "keyCompromise", "superseded")


class Killed(BaseException):
    """What nothing catches, as nothing catches SIGKILL."""


@contextmanager
def killed_at(statement: int) -> Iterator[None]:
    """Whatever is done in here ends at this statement to the database, if it comes so far."""
    left = [statement]

    def count(execute: Callable[..., Any], *arguments: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise Killed
        return execute(*arguments)

    try:
        with connection.execute_wrapper(count):
            yield
    except Killed:
        connection.needs_rollback = False


@contextmanager
def undone() -> Iterator[None]:
    """A history that the next one knows nothing of."""
    own = transaction.atomic()
    # As the test's own: transactions that must be outermost ones take it for nothing.
    vars(own)["_from_testcase"] = True
    with own:
        yield
        transaction.set_rollback(True)


class History:
    """One authority and what becomes of its certificates, at a time of its own."""

    def __init__(self, now: list[datetime]) -> None:
        self.now = now
        answering.forget_issuers()
        self.root: Authority = making.root()

    def lines(self) -> list[LedgerEntry]:
        rows = LedgerEntry.objects.filter(authority=self.root)
        # About what a key was to sign that never became a CA's, nobody can ask.
        certified = rows.exclude(key__cert="")
        return list(certified.select_related("key", "authority", "revocation").order_by("pk"))

    def leaf(self, number: int) -> LedgerEntry | None:
        rows = [line for line in self.lines() if line.kind == "leaf"]
        return rows[number % len(rows)] if rows else None

    def issue(self, number: int) -> None:
        making.leaf(self.root)

    def begin(self, number: int) -> None:
        """Issue, and die before anything is kept."""
        making.leaf(self.root, keep=False)

    def revoke(self, number: int) -> None:
        self._revoke(self.leaf(number), REASONS[number % len(REASONS)])

    def hold(self, number: int) -> None:
        self._revoke(self.leaf(number), "certificateHold")

    def _revoke(self, entry: LedgerEntry | None, reason: str) -> None:
        if entry is not None:
            services.revoke_entry(actor=SYSTEM, entry=entry, reason=reason)

    def release(self, number: int) -> None:
        entry = self.leaf(number)
        if entry is not None:
            services.release_entry(actor=SYSTEM, entry=entry)

    def revoke_responder(self, number: int) -> None:
        responder = Responder.objects.filter(key__authority=self.root, retired_at=None).first()
        self._revoke(responder.entry if responder else None, "keyCompromise")

    def rotate(self, number: int) -> None:
        services.rotate_authority(actor=SYSTEM, authority=self.root)

    def hours(self, number: int) -> None:
        services.update_authority(actor=SYSTEM, authority=self.root, ocsp_hours=number % 3 * 48)

    def produce(self, number: int) -> None:
        producing.produce_due()

    def reconcile(self, number: int) -> None:
        ledger.reconcile()

    def wait(self, number: int) -> None:
        steps = (timedelta(minutes=6), timedelta(hours=30), timedelta(days=9), timedelta(days=200))
        self.now[0] += steps[number % len(steps)]

    def statuses(self) -> list[tuple[str, str]]:
        """Of each line, what is true and what is answered."""
        self.now[0] += answering.KNOWN_FOR + timedelta(seconds=1)
        return [
            (self._truth(line), self._answered(line, algorithm))
            for line in self.lines()
            for algorithm in ("sha1", "sha256")
        ]

    def _truth(self, line: LedgerEntry) -> str:
        self.root.refresh_from_db()
        if line.not_after <= self.now[0] or not self.root.has_ocsp:
            return "unauthorized"
        if line.state == EntryState.INTENDED:
            return "tryLater"
        return "revoked" if hasattr(line, "revocation") else "good"

    def _answered(self, line: LedgerEntry, algorithm: str) -> str:
        data = request_for(line.key, int(line.serial, 16), algorithm)
        content = answering.answer(self.root.name, data).content
        return judged(line.key, content, lint=False)[0]


ACTIONS = (
    *("issue", "issue", "begin", "revoke", "hold", "release", "revoke_responder", "rotate"),
    *("hours", "produce", "produce", "produce", "reconcile", "wait", "wait"),
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(ACTIONS),
        st.integers(0, 11),
        # The statement at which it is killed, or none.
        st.one_of(st.just(0), st.integers(1, 30)),
    ),
    min_size=4,
    max_size=14,
)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_answers_agree_with_the_ledger(
    monkeypatch: pytest.MonkeyPatch, steps: list[tuple[str, int, int]]
) -> None:
    now = [datetime.now(UTC)]
    monkeypatch.setattr(clock, "now", lambda: now[0])
    with undone():
        history = History(now)
        for action, number, statement in steps:
            # Refused is such as a release of what is not on hold.
            with killed_at(statement), suppress(Conflict, IntegrityFault):
                getattr(history, action)(number)
            for truth, answered in history.statuses():
                assert answered in (truth, "tryLater", "unauthorized")
        _recover(history)
        for truth, answered in history.statuses():
            assert answered == truth


def _recover(history: History) -> None:
    """What the scheduler does in the time after the last kill."""
    for _ in range(3):
        history.now[0] += max(ledger.GIVEN_UP_AFTER, producing.AGAIN_AFTER) + timedelta(seconds=1)
        ledger.reconcile()
        producing.produce_due()
