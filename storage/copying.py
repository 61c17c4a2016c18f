"""Copying bundles from one backend to another, so that nothing is taken for there that is not."""

from dataclasses import dataclass

from certmate.core.errors import CertMateError, IntegrityFault
from certmate.pki.bundle import Bundle
from storage.backends.base import Backend, BundleRef, require_same


@dataclass
class Copied:
    """What came of one bundle."""

    fingerprints: list[str]
    error: CertMateError | None = None


def copy_bundle(source: Backend, destination: Backend, ref: BundleRef) -> Copied:
    """All versions of the bundle, the current one last, each read back and compared."""
    try:
        current = source.get(ref)
        older = [one for one in source.versions(ref) if one != current.fingerprint]
        for fingerprint in older:
            copy_version(destination, ref, source.get(ref, fingerprint))
        copy_version(destination, ref, current)
        return Copied([*older, current.fingerprint])
    except CertMateError as error:
        return Copied([], error)


def copy_version(destination: Backend, ref: BundleRef, bundle: Bundle) -> None:
    """Put it there, read it back and compare. Raises IntegrityFault (`storage.damaged`)."""
    destination.put(ref, bundle)
    found = destination.get(ref)
    require_same(found, bundle)
    if found.fingerprint != bundle.fingerprint or found.csr.strip() != bundle.csr.strip():
        raise IntegrityFault("What was read back is not what was written.", code="storage.damaged")
