"""The ledger: nothing is signed that does not stand in it, and what a crash leaves is revoked."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction

from certmate.audit.models import Event
from certmate.core import clock
from certmate.core.errors import Conflict, IntegrityFault, InvalidRequest
from providers import issuers, services
from providers.authority import building
from providers.authority.custody.base import SoftwareSigner
from providers.choices import EntryState
from providers.models import CRL, BlockedKey, LedgerEntry, Revocation
from providers.services import ledger
from providers.services.profiles import seed_profiles
from tests.certificates.test_faults import database_url
from tests.providers.authority import crashing_signer, making
from tests.providers.authority.making import SYSTEM

in_a_database = pytest.mark.django_db
across_processes = pytest.mark.django_db(transaction=True)


def leaves() -> list[LedgerEntry]:
    return list(LedgerEntry.objects.filter(kind="leaf").order_by("pk"))


def long_ago(entry: LedgerEntry) -> None:
    at = clock.now() - ledger.GIVEN_UP_AFTER - timedelta(seconds=1)
    LedgerEntry.objects.filter(pk=entry.pk).update(created_at=at)


def told(event: str) -> list[dict[str, str]]:
    """What the audit log says of such events."""
    return [row.entry.additional_data or {} for row in Event.objects.filter(name=event)]


@in_a_database
def test_what_was_signed_stands_there_with_its_certificate() -> None:
    root = making.root()
    signed = making.leaf(root, dns=["jane.example.test"])
    entry = making.entry(signed)
    assert (entry.state, bytes(entry.cert or b"")) == (EntryState.SIGNED, signed.der)
    assert (entry.tbs, entry.holder, entry.profile) == (None, "test/jane", "client")
    assert entry.signed_at is not None
    # The root's own certificate is a line as well.
    assert LedgerEntry.objects.get(kind="ca").holder == "authority/root"


@in_a_database
def test_a_serial_number_stands_there_once_for_each_authority(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root, other = making.root(), making.root("other")
    monkeypatch.setattr(building, "new_serial", lambda: 0x1234)
    signed = making.leaf(root)
    assert making.leaf(other).entry.serial == signed.entry.serial == "1234"
    with pytest.raises(IntegrityFault) as fault:
        making.leaf(root)
    assert fault.value.code == "ledger.serial_taken"
    assert len(leaves()) == 2
    with pytest.raises(IntegrityError), transaction.atomic():
        LedgerEntry.objects.create(
            authority=root,
            key=signed.entry.key,
            serial="1234",
            kind="leaf",
            state="signed",
            shard=0,
            not_before=clock.now(),
            not_after=clock.now(),
            created_at=clock.now(),
        )


@across_processes
@pytest.mark.parametrize("place", crashing_signer.PLACES)
def test_what_a_killed_signer_leaves_is_given_up_and_revoked(place: str) -> None:
    seed_profiles()
    making.root()
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "CERTMATE_TEST_DATA_DIR": str(settings.DATA_DIR),
        "CERTMATE_TEST_DATABASE_URL": database_url(),
    }
    command = [sys.executable, "-m", crashing_signer.__name__, "root", place]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    (entry,) = leaves()
    assert (entry.state, entry.cert, bool(entry.tbs)) == (EntryState.INTENDED, None, True)
    assert ledger.reconcile() == 0, "It may still be under way."
    with pytest.raises(Conflict) as unfinished:
        services.revoke_entry(actor=SYSTEM, entry=entry)
    assert unfinished.value.code == "ledger.unfinished"
    long_ago(entry)
    assert (ledger.reconcile(), ledger.reconcile()) == (1, 0)
    entry.refresh_from_db()
    assert entry.state == EntryState.ABANDONED
    assert entry.revocation.serial == entry.serial
    assert [row["serial"] for row in told("ledger.given_up")] == [entry.serial]


@in_a_database
def test_a_signature_that_comes_after_it_was_given_up_is_handed_to_nobody() -> None:
    signed = making.leaf(making.root(), keep=False)
    long_ago(signed.entry)
    ledger.reconcile()
    with pytest.raises(IntegrityFault) as late:
        issuers.keep([signed])
    assert late.value.code == "ledger.given_up"
    entry = making.entry(signed)
    assert (entry.state, entry.cert) == (EntryState.ABANDONED, None)
    assert Revocation.objects.filter(entry=entry).exists()


@in_a_database
def test_of_a_batch_with_one_late_signature_nothing_is_completed() -> None:
    root = making.root()
    first, second = making.leaf(root, keep=False), making.leaf(root, keep=False)
    assert ledger.give_up(second.entry, "Given up.")
    with pytest.raises(IntegrityFault), transaction.atomic():
        issuers.keep([first, second])
    assert making.entry(first).state == EntryState.INTENDED
    assert not ledger.give_up(second.entry, "Given up again.")


@in_a_database
def test_without_its_line_nothing_is_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    root = making.root()
    signatures: list[bytes] = []
    monkeypatch.setattr(SoftwareSigner, "sign", lambda _, data: signatures.append(data))

    def full(execute: Any, sql: str, *rest: Any) -> Any:
        if sql.startswith('INSERT INTO "providers_ledgerentry"'):
            raise DatabaseError("the disk is full")
        return execute(sql, *rest)

    with connection.execute_wrapper(full), pytest.raises(DatabaseError):
        making.leaf(root)
    assert signatures == []
    assert leaves() == []


@across_processes
def test_a_line_is_not_written_inside_a_transaction() -> None:
    seed_profiles()
    root = making.root()
    with pytest.raises(RuntimeError), transaction.atomic():
        making.leaf(root)
    assert leaves() == []
    assert not connection.in_atomic_block


@in_a_database
def test_a_compromised_key_is_refused_for_ever() -> None:
    root = making.root()
    signed = making.leaf(root)
    services.revoke_entry(actor=SYSTEM, entry=signed.entry, reason="keyCompromise")
    hash_ = signed.drafted.public_key_hash
    assert BlockedKey.objects.filter(pk=hash_).exists()
    with pytest.raises(Conflict) as blocked:
        ledger.require_unblocked([hash_])
    assert blocked.value.code == "key.blocked"
    assert [row["reason"] for row in told("ledger.revoked")] == ["keyCompromise"]


@in_a_database
def test_a_hold_can_be_ended_or_made_good_and_a_revocation_cannot() -> None:
    root = making.root()
    held, gone = making.leaf(root).entry, making.leaf(root).entry
    began = services.revoke_entry(actor=SYSTEM, entry=held, reason="certificateHold")
    with pytest.raises(Conflict) as twice:
        services.revoke_entry(actor=SYSTEM, entry=held, reason="certificateHold")
    assert twice.value.code == "revoke.already"
    services.release_entry(actor=SYSTEM, entry=held)
    assert not Revocation.objects.exists()
    with pytest.raises(Conflict) as not_held:
        services.release_entry(actor=SYSTEM, entry=held)
    assert not_held.value.code == "revoke.not_on_hold"
    began = services.revoke_entry(actor=SYSTEM, entry=gone, reason="certificateHold")
    made = services.revoke_entry(actor=SYSTEM, entry=gone, reason="superseded")
    assert (made.reason, made.revoked_at) == ("superseded", began.revoked_at)
    for attempt in (
        lambda: services.release_entry(actor=SYSTEM, entry=gone),
        lambda: services.revoke_entry(actor=SYSTEM, entry=gone),
    ):
        with pytest.raises(Conflict):
            attempt()


@in_a_database
@pytest.mark.parametrize(
    ("reason", "days", "code"),
    [
        ("because", 0, "revoke.reason"),
        ("cACompromise", 0, "revoke.reason"),
        ("removeFromCRL", 0, "revoke.reason"),
        ("superseded", 1, "revoke.invalidity"),
        ("superseded", -20_000, "revoke.invalidity"),
    ],
)
def test_what_a_crl_cannot_say_is_refused(reason: str, days: int, code: str) -> None:
    signed = making.leaf(making.root())
    at = clock.now() + timedelta(days=days) if days else None
    with pytest.raises(InvalidRequest) as refused:
        services.revoke_entry(actor=SYSTEM, entry=signed.entry, reason=reason, invalidity_at=at)
    assert refused.value.code == code
    assert not Revocation.objects.exists()
    assert not CRL.objects.exists()
