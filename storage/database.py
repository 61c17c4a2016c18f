"""Bundles as rows of CertMate's own database, with the private key encrypted.

One row is one version, so a reader gets all of it or nothing.
"""

import secrets
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

from django.db import OperationalError, transaction
from django.db.models import QuerySet

from certmate.core.bulk import insert_all, new
from certmate.core.errors import Conflict, IntegrityFault, UpstreamUnavailable
from certmate.core.secrets import SecretUnreadable
from certmate.pki.bundle import Bundle
from storage.backends.base import KINDS, BundleRef, Kind, require_same, unknown
from storage.models import StorageTarget, StoredBundle

_CHUNK = 1000


class DatabaseBackend:
    """A `Backend` over the rows of one target."""

    def __init__(self, target_id: uuid.UUID) -> None:
        self._target_id = target_id

    def put(self, ref: BundleRef, bundle: Bundle) -> None:
        with _telling("Storing"), transaction.atomic():
            self._lock(ref)
            rows = self._rows(ref)
            row = rows.filter(fingerprint=bundle.fingerprint).first()
            if row is None:
                row = self._new_row(ref, bundle, bundle.fingerprint)
                row.save(force_insert=True)
            else:
                require_same(_bundle(row), bundle)
            rows.filter(is_current=True).exclude(pk=row.pk).update(is_current=False)
            rows.filter(pk=row.pk, is_current=False).update(is_current=True)

    def put_many(self, bundles: Sequence[tuple[BundleRef, Bundle, str]]) -> None:
        """Store these new versions, with their fingerprints, in the caller's transaction.

        They are current afterwards. Raises IntegrityError if one of them is there.
        """
        refs = [ref for ref, _, _ in bundles]
        for kind in KINDS:
            names = [ref.name for ref in refs if ref.kind == kind]
            earlier = StoredBundle.objects.filter(target_id=self._target_id, kind=kind)
            if names:
                earlier.filter(name__in=names, is_current=True).update(is_current=False)
        insert_all(
            [
                self._new_row(ref, bundle, fingerprint, is_current=True)
                for ref, bundle, fingerprint in bundles
            ]
        )

    def get(self, ref: BundleRef, fingerprint: str | None = None) -> Bundle:
        wanted = {"is_current": True} if fingerprint is None else {"fingerprint": fingerprint}
        with _telling("Reading"):
            row = self._rows(ref).filter(**wanted).first()
        if row is None:
            raise unknown(ref)
        return _bundle(row)

    def get_many(self, wanted: Sequence[tuple[BundleRef, str]]) -> dict[BundleRef, Bundle]:
        """The versions of these fingerprints that are there, in one query."""
        fingerprints = dict(wanted)
        rows = StoredBundle.objects.filter(
            target_id=self._target_id,
            name__in=[ref.name for ref in fingerprints],
            fingerprint__in=list(fingerprints.values()),
        )
        with _telling("Reading"):
            found = {BundleRef(cast(Kind, row.kind), row.name): row for row in rows}
        return {
            ref: _bundle(found[ref])
            for ref, fingerprint in fingerprints.items()
            if ref in found and found[ref].fingerprint == fingerprint
        }

    def versions(self, ref: BundleRef) -> list[str]:
        with _telling("Listing"):
            return list(self._rows(ref).values_list("fingerprint", flat=True))

    def delete(self, ref: BundleRef, fingerprint: str | None = None) -> None:
        with _telling("Deleting"), transaction.atomic():
            self._lock(ref)
            rows = self._rows(ref)
            if fingerprint is not None:
                rows = rows.filter(fingerprint=fingerprint)
                if rows.filter(is_current=True).exists():
                    raise Conflict(
                        "The current version cannot be deleted alone; make another one current "
                        "first.",
                        code="storage.current_version",
                    )
            rows.delete()

    def list(self) -> Iterator[BundleRef]:
        rows = StoredBundle.objects.filter(target_id=self._target_id, is_current=True)
        with _telling("Listing"):
            pairs = rows.order_by("kind", "name").values_list("kind", "name")
            for kind, name in pairs.iterator(chunk_size=_CHUNK):
                yield BundleRef(cast(Kind, kind), name)

    def legacy(self) -> Iterator[str]:
        return iter(())

    def get_legacy(self, domain: str) -> Bundle:
        raise unknown(BundleRef("server", domain))

    def probe(self) -> None:
        row = StoredBundle(target_id=self._target_id, kind="probe", name=secrets.token_hex(8))
        row.private_key = {"pem": secrets.token_hex(32)}
        # In a transaction, so that a crash leaves no probe behind.
        with transaction.atomic():
            with _telling("Writing"):
                row.save(force_insert=True)
            with _telling("Reading"):
                found = StoredBundle.objects.get(pk=row.pk).private_key
            with _telling("Deleting"):
                row.delete()
        if found != row.private_key:
            raise UpstreamUnavailable(
                "Comparing failed: what was read is not what was written.",
                code="storage.unavailable",
            )

    def _rows(self, ref: BundleRef) -> QuerySet[StoredBundle]:
        return StoredBundle.objects.filter(target_id=self._target_id, kind=ref.kind, name=ref.name)

    def _new_row(
        self, ref: BundleRef, bundle: Bundle, fingerprint: str, *, is_current: bool = False
    ) -> StoredBundle:
        row = new(
            StoredBundle,
            target_id=self._target_id,
            kind=ref.kind,
            name=ref.name,
            fingerprint=fingerprint,
            is_current=is_current,
            cert=bundle.cert,
            chain=bundle.chain,
            csr=bundle.csr,
            metadata=bundle.metadata,
        )
        row.private_key = {} if bundle.privkey is None else {"pem": bundle.privkey}
        return row

    def _lock(self, ref: BundleRef) -> None:
        """Let writers of this target take turns; without it two first versions would collide."""
        targets = StorageTarget.objects.select_for_update(no_key=True)
        if targets.filter(pk=self._target_id).values_list("pk").first() is None:
            raise unknown(ref)


@contextmanager
def _telling(action: str) -> Iterator[None]:
    """Turn a database that is locked, full or away into our error, without its statement."""
    try:
        yield
    except OperationalError as error:
        raise UpstreamUnavailable(
            f"{action} failed: the database could not answer.", code="storage.unavailable"
        ) from error


def _bundle(row: StoredBundle) -> Bundle:
    try:
        privkey = row.private_key.get("pem")
    except SecretUnreadable as error:
        raise IntegrityFault(error.detail, code=error.code) from error
    return Bundle(row.cert, row.chain, privkey, row.metadata, row.csr)
