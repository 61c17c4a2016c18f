"""Those who change what is true and those who make answers, all at once."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.x509 import ocsp
from django.db import connection, transaction

from certmate.core import clock
from certmate.pki.ocsp.responses import successful
from providers import services
from providers.models import LedgerEntry, OCSPResponse, Responder, Revocation
from providers.services.ocsp import producing, responders
from tests.providers.authority import making
from tests.providers.authority.making import SYSTEM
from tests.providers.ocsp.asking import ask

pytestmark = pytest.mark.django_db(transaction=True)

LEAVES, CHANGES = 1, 60


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks so small that several makers have something to do."""
    monkeypatch.setattr(producing, "AT_ONCE", 1)


def together(*work: Callable[[], None]) -> None:
    """Each in a thread with a connection of its own."""

    def run(one: Callable[[], None]) -> None:
        try:
            one()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(work)) as pool:
        list(pool.map(run, work))


def is_contradicted(entry: LedgerEntry) -> bool:
    """Whether there is an answer that says something else than the ledger."""
    with transaction.atomic():
        # Nobody changes it meanwhile.
        LedgerEntry.objects.select_for_update().get(pk=entry.pk)
        row = OCSPResponse.objects.filter(pk=entry.pk).first()
        is_held = Revocation.objects.filter(entry=entry).exists()
    if row is None:
        return False
    content = successful(bytes(row.sha256), responders.certificate(row.responder_id))
    status = ocsp.load_der_ocsp_response(content).certificate_status
    return (status == ocsp.OCSPCertStatus.REVOKED) != is_held


def test_makers_never_keep_what_a_change_has_overtaken(monkeypatch: pytest.MonkeyPatch) -> None:
    root = making.root()
    entries = [making.leaf(root).entry for _ in range(LEAVES)]
    is_over = threading.Event()
    held: set[str] = set()

    def change() -> None:
        try:
            for number in range(CHANGES):
                entry = entries[number % LEAVES]
                if entry.serial in held:
                    services.release_entry(actor=SYSTEM, entry=entry)
                else:
                    services.revoke_entry(actor=SYSTEM, entry=entry, reason="certificateHold")
                held.symmetric_difference_update({entry.serial})
                assert not [one.serial for one in entries if is_contradicted(one)]
        finally:
            is_over.set()

    def make() -> None:
        while not is_over.is_set():
            producing.produce_due()

    together(change, make, make)
    at = clock.now() + producing.AGAIN_AFTER
    monkeypatch.setattr(clock, "now", lambda: at)
    producing.produce_due()
    for entry in entries:
        assert ask(entry).status == ("revoked" if entry.serial in held else "good")
    assert Responder.objects.filter(retired_at=None).count() == 1
