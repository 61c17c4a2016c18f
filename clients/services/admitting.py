"""Whether somebody may have a new client certificate under this identifier."""

from typing import Any

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.services.approvals import Permit, is_needed
from certmate.access.verbs import Verb
from certmate.core.errors import Conflict, InvalidRequest
from certmate.pki.inspect import pem_blocks
from clients.models import ClientCertificate
from clients.services import making
from clients.services.asking import ask
from clients.services.wishes import ClientWish, Prepared, unlike

LOOKED_UP = ("team", "identity", "authority", "profile", "storage_target", "created_by")
"""Validated by being looked up; Django would ask the database for each once more."""

# RFC 2985 section 5.4.1: 1.2.840.113549.1.9.7, in DER.
_CHALLENGE_PASSWORD = bytes.fromhex("06092a864886f70d010907")

RESOLVED = "resolved"
"""What of an approval's params is no part of the wish."""


def admit(actor: Actor, prepared: Prepared, wish: ClientWish) -> Permit:
    """Leave for a new certificate that the actor may ask for, and that nobody has yet."""
    certificate = prepared.certificate
    policy.require(actor, Verb.REQUEST, certificate)
    certificate.clean_fields(exclude=LOOKED_UP)
    if ClientCertificate.objects.filter(identifier=certificate.identifier).exists():
        if wish.identifier:
            raise taken(actor, certificate.identifier)
        certificate.identifier = unlike(certificate.identifier)
    making.require_signable(prepared)
    require_no_challenge(Verb.REQUEST, certificate, certificate.csr)
    return ask(actor, Verb.REQUEST, certificate, "issue", **_told(prepared, wish))


def require_no_challenge(verb: Verb, certificate: ClientCertificate, csr: str) -> None:
    """Raise InvalidRequest for a challenge password where others approve of the CSR: all of them,
    and all who read the audit log, would read it.
    """
    if _has_challenge(csr) and is_needed(verb, certificate):
        raise InvalidRequest(
            "Make the CSR without a challenge password: nothing uses it here.",
            code="csr.malformed",
            field="csr",
        )


def _told(prepared: Prepared, wish: ClientWish) -> dict[str, Any]:
    """The wish, and what it comes to: an identity or a default can change while it waits."""
    certificate = prepared.certificate
    resolved = {
        "subject": certificate.subject,
        "san": certificate.alt_names,
        "authority": str(certificate.authority),
        "profile": str(certificate.profile),
        "storage": str(certificate.storage_target),
        "team": str(certificate.team or ""),
    }
    # Of the CSR only what was read: others may have written around it.
    return {**wish.plain(), "csr": certificate.csr, RESOLVED: resolved}


def _has_challenge(csr: str) -> bool:
    """Whether the attribute is in the CSR; DER has one form of it, so its bytes are enough."""
    if not csr:
        return False
    return _CHALLENGE_PASSWORD in pem_blocks(csr)[0][1]


def taken(actor: Actor, identifier: str) -> Conflict:
    """Of one that the actor may not see, no more is told than that the identifier is no good."""
    rows = ClientCertificate.objects.filter(identifier=identifier)
    if policy.visible(actor, rows).exists():
        return Conflict(
            f"There is a client certificate {identifier!r} already. Renew it, or choose another "
            "identifier.",
            code="client.exists",
            field="identifier",
        )
    return Conflict(
        f"The identifier {identifier!r} cannot be used here. Choose another.",
        code="client.name_taken",
        field="identifier",
    )
