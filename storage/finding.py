"""Reads what is at a target and takes nothing of it on trust: somebody else may have written it."""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError

from certmate.core.errors import CertMateError, IntegrityFault
from certmate.pki import bundle as pki_bundle
from certmate.pki.bundle import Bundle
from certmate.pki.errors import PKIError
from certmate.pki.inspect import CertificateFacts, describe_certificate, split_chain
from certmate.pki.requests import parse_request
from storage.backends.base import Backend, BundleRef
from storage.backends.failures import damaged

logger = logging.getLogger(__name__)

T = TypeVar("T")

MOST_VERSIONS = 1000
"""Of one bundle: who renews each day for two years has fewer."""

_LONGEST_SERIAL = 40
"""Hexadecimal digits of the 20 octets of RFC 5280 §4.1.2.2."""


@dataclass(frozen=True)
class Judged:
    """The versions of a bundle that are whole, and what is wrong with the others by fingerprint."""

    whole: list[Bundle] = field(default_factory=list)
    faults: dict[str, CertMateError] = field(default_factory=dict)


def guarded(call: Callable[..., T]) -> Callable[..., T | CertMateError]:
    """The same, giving back what it raises as a fault of what was read: hostile bytes find more
    kinds of errors than anybody can list, and one bundle stops no other.
    """

    def guard(*arguments: Any) -> T | CertMateError:
        try:
            return call(*arguments)
        except CertMateError as error:
            return error
        except PKIError as error:
            return IntegrityFault(error.detail, code=error.code)
        except (OperationalError, InterfaceError):
            # Our own database: whoever carries the work out leaves it to the next worker.
            raise
        except Exception as error:  # noqa: BLE001 - Whatever it is, it is told as a fault.
            # Its kind alone: what it says may be of a key.
            logger.warning("A bundle could not be read: %s.", type(error).__name__)
            return damaged("What is stored is not a bundle.")

    return guard


@guarded
def look(backend: Backend, name: str, ref: BundleRef | None) -> set[str]:
    """The fingerprints of what is there; without a `ref`, of what CertMate 2.x has left."""
    if ref is None:
        return {backend.get_legacy(name).fingerprint}
    found = set(backend.versions(ref))
    if len(found) > MOST_VERSIONS:
        raise damaged(f"A bundle with more than {MOST_VERSIONS} versions is none of ours.")
    return found


@guarded
def judge(backend: Backend, name: str, ref: BundleRef | None, wanted: Collection[str]) -> Judged:
    """The versions of these fingerprints, each judged by itself. Raises what is no fault of theirs,
    such as an outage.
    """
    judged = Judged()
    for fingerprint in sorted(wanted):
        read = _read(backend, name, ref, fingerprint)
        if not isinstance(read, CertMateError):
            judged.whole.append(read)
        elif read.retryable:
            raise read
        else:
            judged.faults[fingerprint] = read
    return judged


@guarded
def current_of(backend: Backend, ref: BundleRef) -> str:
    """The fingerprint of what readers of the target get."""
    return backend.get(ref).fingerprint


@guarded
def _read(backend: Backend, name: str, ref: BundleRef | None, fingerprint: str) -> Bundle:
    if ref is None:
        return cleaned(backend.get_legacy(name))
    return cleaned(backend.get(ref, fingerprint))


def cleaned(bundle: Bundle) -> Bundle:
    """The bundle without what stands beside its certificates, and with its CSR only if that is of
    the certificate's key: a renewal certifies what the CSR says.

    Raises PKIError for parts that do not fit, IntegrityFault for what no table takes.
    """
    pki_bundle.check(bundle)
    (cert,) = split_chain(bundle.cert)
    facts = describe_certificate(cert)
    if len(facts.serial) > _LONGEST_SERIAL:
        raise damaged("Its serial number is longer than 20 octets (RFC 5280 §4.1.2.2).")
    if any("\0" in text for text in (facts.issuer, facts.subject, *facts.names)):
        raise damaged("There is a NUL in a name.")
    has_csr = bundle.privkey is None and _fits(bundle.csr, facts)
    chain = "".join(split_chain(bundle.chain))
    return replace(bundle, cert=cert, chain=chain, csr=bundle.csr if has_csr else "")


def _fits(csr: str, facts: CertificateFacts) -> bool:
    try:
        return bool(csr) and parse_request(csr).key.spki_sha256 == facts.key.spki_sha256
    except PKIError:
        return False
