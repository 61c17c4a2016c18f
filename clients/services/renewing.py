"""New versions of client certificates, revocation, hold and release."""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.services.approvals import Permit
from certmate.access.verbs import Verb
from certmate.audit.services import record
from certmate.core import clock
from certmate.core.errors import Conflict, InvalidRequest, NotFound, invalid_input
from certmate.pki.inspect import pem_blocks
from certmate.pki.requests import verify_proof
from clients import storing
from clients.choices import Method
from clients.issuing import next_number
from clients.models import ClientCertificate, ClientVersion, Enrolment
from clients.services import enrolling, making
from clients.services.admitting import require_no_challenge
from clients.services.asking import ask, number
from clients.services.ours import not_ours, profile_of
from clients.services.wishes import Prepared, again
from providers.services import revoking
from storage import services as storage


def renew_client_certificate(
    *,
    actor: Actor,
    certificate: ClientCertificate,
    csr: str = "",
    proof: str = "",
    same_key: bool = False,
    supersede: bool = False,
) -> tuple[ClientCertificate, Enrolment | None]:
    """A new version of what was asked for; with a new key unless `same_key` says otherwise.

    A `csr` brings another key of the holder's. Where the profile wants approval, that waits for it,
    unless `proof` (Base64) is a signature over the CSR (DER) by the key of the present certificate,
    which has to be valid. With `supersede` the version before it is revoked.

    Raises Conflict (`client.revoked`, `client.pending`), InvalidRequest (`renew.proof`, …).
    """
    policy.require(actor, Verb.RENEW, certificate)
    if supersede:
        policy.require(actor, Verb.REVOKE, certificate)
    making.require_renewable(certificate)
    prepared = again(certificate, csr or None)
    making.require_signable(prepared)
    brought = prepared.request.pem if csr and prepared.request else ""
    require_no_challenge(Verb.RENEW, certificate, brought)
    permit = ask(
        actor,
        Verb.RENEW,
        certificate,
        "renew",
        also={Verb.REVOKE: certificate} if supersede else {},
        after=number(certificate),
        csr=brought,
        same_key=same_key,
        supersede=supersede,
    )
    if csr:
        if proof:
            _require_proof(certificate, prepared, proof)
        elif profile_of(certificate).needs_approval:
            return certificate, enrolling.take_in_renewal(
                actor, certificate, prepared, permit, supersede=supersede
            )
        certificate.csr = brought
        certificate.method = Method.CSR
    renew(certificate, prepared, permit=permit, same_key=same_key, supersede=supersede)
    return certificate, None


def renew(
    certificate: ClientCertificate,
    prepared: Prepared,
    *,
    permit: Permit,
    same_key: bool = False,
    supersede: bool = False,
) -> ClientVersion:
    """Make the next version; the caller has asked for permission."""
    before = certificate.current_version
    kept_key = _present_key(certificate) if same_key and prepared.request is None else ""

    def settle(versions: Sequence[ClientVersion]) -> None:
        if supersede and before is not None:
            making.supersede(before)

    return making.make(
        prepared,
        permit=permit,
        number=next_number(certificate),
        private_key=kept_key,
        event="client_certificate.renewed",
        also=settle,
    )


def revoke_client_certificate(
    *,
    actor: Actor,
    certificate: ClientCertificate,
    reason: str = "unspecified",
    number: int | None = None,
    invalidity_at: datetime | None = None,
) -> ClientVersion:
    """Revoke a version (the current one by default) with an RFC 5280 §5.3.1 reason.

    `certificateHold` can be released again.
    """
    policy.require(actor, Verb.REVOKE, certificate)
    version = _version(certificate, number)
    if version.entry is None:
        raise not_ours(certificate)
    revoking.check_reason(version.entry, reason)
    permit = ask(
        actor,
        Verb.REVOKE,
        certificate,
        "revoke",
        version=version.number,
        reason=reason,
        invalidity_at=invalidity_at.isoformat() if invalidity_at else None,
    )
    with transaction.atomic():
        permit.use(certificate)
        revoking.revoke(version.entry, reason, invalidity_at, actor=actor)
        _tell(certificate, "revoked", version, reason=reason)
    version.refresh_from_db()
    return version


def release_client_certificate(*, actor: Actor, certificate: ClientCertificate) -> ClientVersion:
    """End the hold of the current version. Raises Conflict (`revoke.not_on_hold`)."""
    policy.require(actor, Verb.REVOKE, certificate)
    version = _version(certificate, None)
    if version.entry is None:
        raise not_ours(certificate)
    with transaction.atomic():
        revoking.release(version.entry)
        _tell(certificate, "released", version)
    version.refresh_from_db()
    return version


def _version(certificate: ClientCertificate, number: int | None) -> ClientVersion:
    if certificate.current_version is None:
        raise Conflict("Nothing was issued yet.", code="certificate.not_issued")
    wanted = certificate.current_version.number if number is None else number
    rows = certificate.versions.select_related("entry__authority")
    found = rows.filter(number=wanted).first()
    if found is None:
        raise InvalidRequest(
            f"There is no version {number}.", code="version.unknown", field="version"
        )
    return found


def _present_key(certificate: ClientCertificate) -> str:
    """The key of the current version, from where it is stored; its reading is in the log."""
    version = certificate.current_version
    if version is None or not version.has_private_key:
        raise NotFound("Its private key is not here.", code="key.absent")
    with transaction.atomic():
        record(certificate, "key.used_again", version=version.number)
    bundle = storage.load(
        target=version.storage_target,
        ref=storing.ref_of(certificate),
        fingerprint=version.fingerprint,
    )
    if bundle.privkey is None:
        raise NotFound("Its private key is not here.", code="key.absent")
    return bundle.privkey


def _require_proof(certificate: ClientCertificate, prepared: Prepared, proof: str) -> None:
    version = certificate.current_version
    if version is None or version.not_after <= clock.now() or prepared.request is None:
        raise InvalidRequest(
            "The present certificate has expired and proves nothing any more.",
            code="renew.proof",
            field="proof",
        )
    try:
        signature = base64.b64decode(proof, validate=True)
    except binascii.Error:
        signature = b""
    cert, _ = storing.files_of(version)
    with invalid_input("proof"):
        verify_proof(cert, pem_blocks(prepared.request.pem)[0][1], signature)


def _tell(
    certificate: ClientCertificate, what: str, version: ClientVersion, **details: str
) -> None:
    event = f"client_certificate.{what}"
    record(certificate, event, version=version.number, serial=version.serial, **details)
