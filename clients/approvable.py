"""What can be done to client certificates under four eyes, and how each is carried out."""

from datetime import datetime
from typing import Any

from certmate.access.actors import Actor
from certmate.access.services.approvals import register
from certmate.access.verbs import Verb
from clients import services
from clients.models import ClientCertificate
from clients.services import ClientWish
from clients.services.admitting import RESOLVED


def register_operations() -> None:
    """Called when the app starts. What leaves with a key, or comes with one, leaves or comes by the
    call of whoever asked: its approval is a ticket.
    """
    work = (
        ("issue", "Issue a client certificate", Verb.REQUEST, _issue),
        ("upload", "Upload a client certificate", Verb.REQUEST, None),
        ("batch", "Issue a batch of client certificates", Verb.REQUEST, None),
        ("renew", "Renew a client certificate", Verb.RENEW, _renew),
        ("revoke", "Revoke a client certificate", Verb.REVOKE, _revoke),
        ("delete", "Delete a client certificate", Verb.DELETE, _delete),
        ("export_key", "Export a private key", Verb.EXPORT_KEY, None),
    )
    for name, label, verb, carry_out in work:
        key = f"clients.{name}"
        register(key, label=label, model=ClientCertificate, verb=verb, carry_out=carry_out)


def _issue(actor: Actor, _: object, params: dict[str, Any]) -> object:
    wish = {name: value for name, value in params.items() if name != RESOLVED}
    return services.request_client_certificate(actor=actor, wish=ClientWish(**wish))


def _renew(actor: Actor, certificate: ClientCertificate, params: dict[str, Any]) -> object:
    return services.renew_client_certificate(
        actor=actor,
        certificate=certificate,
        csr=params["csr"],
        same_key=params["same_key"],
        supersede=params["supersede"],
    )


def _revoke(actor: Actor, certificate: ClientCertificate, params: dict[str, Any]) -> object:
    at = params["invalidity_at"]
    return services.revoke_client_certificate(
        actor=actor,
        certificate=certificate,
        reason=params["reason"],
        number=params["version"],
        invalidity_at=datetime.fromisoformat(at) if at else None,
    )


def _delete(actor: Actor, certificate: ClientCertificate, params: dict[str, Any]) -> None:
    services.delete_client_certificate(actor=actor, certificate=certificate, force=params["force"])
