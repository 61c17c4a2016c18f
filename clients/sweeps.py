"""What beat asks for: renew what is due, tell whom it concerns, store what is not stored yet."""

import logging
from datetime import timedelta

from django.db import InterfaceError, OperationalError, transaction

from certmate.access.services.approvals import Permit
from certmate.audit.services import record
from certmate.core import clock
from certmate.core.errors import CertMateError
from clients.choices import ClientState
from clients.models import ClientCertificate
from clients.services.renewing import renew
from clients.services.wishes import again

logger = logging.getLogger(__name__)

RENEW_AT_ONCE = 200
RETRY = timedelta(hours=1)
_RELATED = ("authority", "profile", "storage_target", "identity", "team", "current_version")


def renew_due() -> int:
    """Renew the client certificates that are due; returns how many were dealt with.

    What CertMate cannot renew alone is told to the holder's team instead, once. One that fails
    stops no other.
    """
    due = ClientCertificate.objects.due(clock.now()).values_list("pk", flat=True)
    dealt_with = 0
    for pk in list(due[:RENEW_AT_ONCE]):
        try:
            _renew(pk)
            dealt_with += 1
        except (OperationalError, InterfaceError):
            logger.warning("Client certificate %s: the database failed; it is still due.", pk)
    return dealt_with


def _renew(pk: int) -> None:
    now = clock.now()
    # Ahead of the work, so that a sweep that overlaps with this one takes others.
    mine = ClientCertificate.objects.due(now).filter(pk=pk)
    if mine.update(retry_at=now + RETRY) != 1:
        return
    certificate = ClientCertificate.objects.select_related(*_RELATED).get(pk=pk)
    profile = certificate.profile
    if certificate.state != ClientState.ACTIVE or profile is None:
        ClientCertificate.objects.filter(pk=pk).update(renew_at=None)
        return
    if not certificate.has_own_key:
        _notice(certificate, "Its key is with its holder, who has to send a new CSR.")
        return
    before = certificate.current_version_id
    try:
        renew(certificate, again(certificate), permit=Permit())
    except CertMateError as error:
        logger.warning("%s cannot be renewed: %s: %s", certificate, error.code, error.detail)
        reason = f"{error.code}: {error.detail}"[:500]
        # Unless somebody else has renewed it meanwhile.
        rows = ClientCertificate.objects.filter(pk=pk, current_version=before)
        if rows.update(renewal_error=reason) and not (error.retryable or _is_race(error)):
            _notice(certificate, reason)


def _is_race(error: CertMateError) -> bool:
    """Whether it was changed while it was signed: what it is now is dealt with by the next run."""
    return error.code == "client.changed"


def _notice(certificate: ClientCertificate, reason: str) -> None:
    """Say that a person has to act: on the overview, in lists, and in the log of the team."""
    with transaction.atomic():
        rows = ClientCertificate.objects.filter(pk=certificate.pk, notice_at=None)
        if rows.update(notice_at=clock.now(), renewal_error=reason[:500]) == 1:
            record(
                certificate,
                "client_certificate.renewal_needs_action",
                team=certificate.team.name if certificate.team else "",
                expires_at=certificate.expires_at.isoformat() if certificate.expires_at else "",
                reason=reason,
            )
