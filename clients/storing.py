"""Versions brought to their storage targets, several at a time.

A place waits for its disk or its network most of the time; a batch of one after another would take
thirty times as long as its signatures.
"""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

from django.db import transaction

from certmate.core import clock
from certmate.core.errors import CertMateError
from certmate.pki.bundle import Bundle
from certmate.pki.inspect import pem_blocks, pem_of
from certmate.pki.statements import Statement, statement
from clients.metadata import metadata
from clients.models import ClientCertificate, ClientVersion, PendingKey
from providers.services.signing import handed_out
from storage import services as storage
from storage.backends.base import BundleRef

logger = logging.getLogger(__name__)

STORE_AT_ONCE = 200
STORE_AGAIN = timedelta(minutes=1)
SIDE_BY_SIDE = 16


def store_versions(versions: Sequence[ClientVersion]) -> int:
    """Bring versions to their targets; returns how many are there now. What fails is tried again by
    the sweep.
    """
    rows = ClientVersion.objects.select_related(
        "storage_target",
        *("certificate__authority", "certificate__profile", "certificate__identity"),
        "entry__key__authority",
    )
    waiting = list(rows.filter(pk__in=[one.pk for one in versions], stored_at=None))
    # The database belongs to this thread; the others only wait for places.
    bundles = _bundles(waiting)
    if len(waiting) == 1:
        done = [_store(waiting[0], bundles[0])]
    else:
        with ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
            done = list(threads.map(_store, waiting, bundles))
    stored = [row.pk for row, is_stored in zip(waiting, done, strict=True) if is_stored]
    now = clock.now()
    with transaction.atomic():
        ClientVersion.objects.filter(pk__in=stored).update(stored_at=now)
        PendingKey.objects.filter(version__in=stored).delete()
    failed = {row.pk for row in waiting} - set(stored)
    for version in versions:
        if version.pk not in failed:
            version.stored_at = version.stored_at or now
    return len(versions) - len(failed)


def store_unstored() -> int:
    """Bring what is not stored yet to its target, the oldest first; returns how many got there."""
    old = ClientVersion.objects.filter(
        stored_at=None, created_at__lt=clock.now() - STORE_AGAIN
    ).order_by("created_at")
    return store_versions(list(old[:STORE_AT_ONCE]))


def ref_of(certificate: ClientCertificate) -> BundleRef:
    return BundleRef("client", certificate.identifier)


def files_of(version: ClientVersion) -> tuple[str, str]:
    """Certificate and chain (PEM): from the ledger, or as they were uploaded."""
    if version.entry is None:
        return version.cert, version.chain
    return pem_of(bytes(version.entry.cert or b"")), handed_out(version.entry.key)


def says_of(version: ClientVersion) -> Statement:
    """What the certificate itself states."""
    if version.entry is None:
        return statement(pem_blocks(version.cert)[0][1])
    return statement(bytes(version.entry.cert or b""))


def _bundles(versions: Sequence[ClientVersion]) -> list[Bundle]:
    """Versions as they go to their targets, with the keys that wait for that."""
    pending = {one.version_id: one for one in PendingKey.objects.filter(version__in=versions)}
    chains: dict[UUID, str] = {}
    found = []
    for version in versions:
        key = pending.get(version.pk)
        cert, chain = _files(version, chains)
        found.append(
            Bundle(
                cert=cert,
                chain=chain,
                privkey=key.private_key["pem"] if key else None,
                metadata=metadata(version.certificate, version, says_of(version)),
                csr=version.certificate.csr,
            )
        )
    return found


def _files(version: ClientVersion, chains: dict[UUID, str]) -> tuple[str, str]:
    """As `files_of`, which asks the database for each; a batch has one chain."""
    if version.entry is None:
        return version.cert, version.chain
    key = version.entry.key
    if key.pk not in chains:
        chains[key.pk] = handed_out(key)
    return pem_of(bytes(version.entry.cert or b"")), chains[key.pk]


def _store(version: ClientVersion, bundle: Bundle) -> bool:
    ref = ref_of(version.certificate)
    try:
        storage.store(target=version.storage_target, ref=ref, bundle=bundle)
    except CertMateError as error:
        logger.warning("%s is not stored yet: %s: %s", version, error.code, error.detail)
        return False
    return True
