"""What can be done to certificates under four eyes, and how each is carried out."""

from typing import Any

from certificates import services
from certificates.models import Certificate
from certificates.services import CertificateRequest
from certmate.access.actors import Actor
from certmate.access.services.approvals import register
from certmate.access.verbs import Verb


def register_operations() -> None:
    """Called when the app starts. A key export leaves by the call of whoever asked, and by no other
    way: its approval is a ticket.
    """
    work = (
        ("create", "Take up a certificate", Verb.REQUEST, _create),
        ("renew", "Renew a certificate", Verb.RENEW, _renew),
        ("resume", "Resume a certificate", Verb.RENEW, _resume),
        ("reissue", "Reissue a certificate", Verb.RENEW, _reissue),
        ("revoke", "Revoke a certificate", Verb.REVOKE, _revoke),
        ("delete", "Delete a certificate", Verb.DELETE, _delete),
        ("export_key", "Export a private key", Verb.EXPORT_KEY, None),
    )
    for name, label, verb, carry_out in work:
        key = f"certificates.{name}"
        register(key, label=label, model=Certificate, verb=verb, carry_out=carry_out)


def _create(actor: Actor, _: object, params: dict[str, Any]) -> object:
    return services.create_certificate(
        actor=actor,
        request=_request(params),
        name=params["name"],
        storage_name=params["storage_target"],
        auto_renew=params["auto_renew"],
        renewal_days=params["renewal_days"],
        tags=params["tags"],
        team=params["team"],
    )


def _renew(actor: Actor, certificate: Certificate, _: dict[str, Any]) -> object:
    return services.renew_certificate(actor=actor, certificate=certificate)


def _resume(actor: Actor, certificate: Certificate, _: dict[str, Any]) -> object:
    return services.resume_certificate(actor=actor, certificate=certificate)


def _reissue(actor: Actor, certificate: Certificate, params: dict[str, Any]) -> object:
    return services.reissue_certificate(
        actor=actor, certificate=certificate, request=_request(params)
    )


def _revoke(actor: Actor, certificate: Certificate, params: dict[str, Any]) -> object:
    return services.revoke_certificate(
        actor=actor, certificate=certificate, reason=params["reason"], number=params["version"]
    )


def _delete(actor: Actor, certificate: Certificate, params: dict[str, Any]) -> None:
    services.delete_certificate(actor=actor, certificate=certificate, force=params["force"])


def _request(params: dict[str, Any]) -> CertificateRequest:
    return CertificateRequest(
        domain=params["names"][0],
        san_domains=params["names"][1:],
        ca=params.get("ca_account", ""),
        authority=params.get("authority", ""),
        profile=params.get("profile"),
        validity_days=params.get("validity_days"),
        dns=params.get("dns_account", ""),
        challenge_type=params.get("challenge_type"),
        key_type=params["key_type"],
        csr=params["csr"],
    )
