"""Versions brought to their storage targets, several at a time.

A place waits for its disk or its network most of the time; a batch of one after another would take
thirty times as long as its signatures.
"""

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from itertools import groupby
from uuid import UUID

from django.db import transaction

from certmate.core import clock
from certmate.core.errors import CertMateError, NotFound
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

Item = tuple[ClientVersion, Bundle]


def store_versions(versions: Sequence[ClientVersion]) -> int:
    """Bring versions to their targets; returns how many are there now. What fails is tried again by
    the sweep.
    """
    rows = ClientVersion.objects.select_related(
        "storage_target",
        *("certificate__authority", "certificate__profile", "certificate__identity"),
        "entry__key__authority",
    )
    # With what else waits of the same certificates, and the newest last: a place takes what comes
    # last for the current version.
    same = {one.certificate_id for one in versions}
    waiting = rows.filter(certificate__in=same, stored_at=None)
    items = _with_bundles(list(waiting.order_by("certificate_id", "number")))
    stored = [pk for found in _side_by_side(items) for pk in found]
    _put_newer_back([version for version, _ in items if version.pk in stored])
    now = clock.now()
    with transaction.atomic():
        ClientVersion.objects.filter(pk__in=stored).update(stored_at=now)
        PendingKey.objects.filter(version__in=stored).delete()
    failed = {version.pk for version, _ in items} - set(stored)
    there = [version for version in versions if version.pk not in failed]
    for version in there:
        version.stored_at = version.stored_at or now
    return len(there)


def store_unstored() -> int:
    """Bring what is not stored yet to its target, the oldest first; returns how many got there."""
    old = ClientVersion.objects.filter(
        stored_at=None, created_at__lt=clock.now() - STORE_AGAIN
    ).order_by("created_at")
    return store_versions(list(old[:STORE_AT_ONCE]))


def ref_of(certificate: ClientCertificate) -> BundleRef:
    return BundleRef("client", certificate.identifier)


def files_of(version: ClientVersion, chains: dict[UUID, str] | None = None) -> tuple[str, str]:
    """Certificate and chain (PEM): from the ledger, or as they were uploaded.

    `chains` keeps those of keys between calls: the database is asked for each CA in one.
    """
    if version.entry is None:
        return version.cert, version.chain
    key, chains = version.entry.key, {} if chains is None else chains
    if key.pk not in chains:
        chains[key.pk] = handed_out(key)
    return pem_of(bytes(version.entry.cert or b"")), chains[key.pk]


def says_of(version: ClientVersion) -> Statement:
    """What the certificate itself states."""
    if version.entry is None:
        return statement(pem_blocks(version.cert)[0][1])
    return statement(bytes(version.entry.cert or b""))


def _with_bundles(versions: Sequence[ClientVersion]) -> list[Item]:
    """Versions as they go to their targets, with the keys that wait for that."""
    pending = {one.version_id: one for one in PendingKey.objects.filter(version__in=versions)}
    chains: dict[UUID, str] = {}
    found = []
    for version in versions:
        key = pending.get(version.pk)
        cert, chain = files_of(version, chains)
        bundle = Bundle(
            cert=cert,
            chain=chain,
            privkey=key.private_key["pem"] if key else None,
            metadata=metadata(version.certificate, version, says_of(version)),
            csr=version.certificate.csr,
        )
        found.append((version, bundle))
    return found


def _side_by_side(items: Sequence[Item]) -> Iterable[list[UUID]]:
    """The versions that are stored, by certificate; those of one are stored one after another."""
    of_one = [list(found) for _, found in groupby(items, lambda item: item[0].certificate_id)]
    # The database belongs to this thread; others only wait for places elsewhere.
    own = [one for one in of_one if any(_is_own(item) for item in one)]
    others = [one for one in of_one if not any(_is_own(item) for item in one)]
    if len(others) <= 1:
        return map(_store, [*own, *others])
    with ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
        elsewhere = threads.map(_store, others)
        return [*map(_store, own), *elsewhere]


def _put_newer_back(put: Sequence[ClientVersion]) -> None:
    """Where somebody has stored newer versions than these meanwhile, have the newest current again.

    A process may stand still at any line, so these may have come to their places last. The rows of
    newer versions are there before anybody puts them: who comes last sees all of them here.
    """
    last = {(one.certificate_id, one.storage_target_id): one for one in put}
    while last:
        rows = ClientVersion.objects.select_related("certificate", "storage_target")
        newer = rows.filter(
            certificate__in={certificate for certificate, _ in last},
            number__gt=min(one.number for one in last.values()),
        )
        found: dict[tuple[int, UUID], ClientVersion] = {}
        for version in newer.order_by("-number"):
            place = (version.certificate_id, version.storage_target_id)
            before = last.get(place)
            if before is None or version.number <= before.number or place in found:
                continue
            with suppress(NotFound):
                # What is not there yet is brought by somebody who comes after this.
                _put_again(version)
                found[place] = version
        last = found


def _put_again(version: ClientVersion) -> None:
    """Raises NotFound; an outage leaves what is read by fingerprint in any case."""
    ref, target = ref_of(version.certificate), version.storage_target
    try:
        bundle = storage.load(target=target, ref=ref, fingerprint=version.fingerprint)
        storage.store(target=target, ref=ref, bundle=bundle)
    except NotFound:
        raise
    except CertMateError as error:
        logger.warning("%s may not be current at %s: %s", version, target, error.code)
    except Exception:
        # Whatever an SDK raises: what is stored is marked so.
        logger.exception("%s may not be current at %s.", version, target)


def _is_own(item: Item) -> bool:
    return storage.is_own_database(item[0].storage_target)


def _store(items: Sequence[Item]) -> list[UUID]:
    """Store the versions of one certificate up to the first that fails."""
    stored: list[UUID] = []
    for version, bundle in items:
        ref = ref_of(version.certificate)
        try:
            storage.store(target=version.storage_target, ref=ref, bundle=bundle)
        except CertMateError as error:
            logger.warning("%s is not stored yet: %s: %s", version, error.code, error.detail)
            break
        except Exception:
            # Whatever an SDK raises: what is stored is marked so, and the rest is tried again.
            logger.exception("%s is not stored yet.", version)
            break
        stored.append(version.pk)
    return stored
