"""Responders: made, replaced at half of their life or when revoked, and opened to sign."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Prefetch, QuerySet

from certmate.audit.services import record as audit
from certmate.core import clock
from certmate.core.errors import CertMateError, Conflict, IntegrityFault
from certmate.pki.errors import PKIError
from certmate.pki.inspect import load_certificate
from certmate.pki.issue import Issuer
from certmate.pki.keys import KeyType
from certmate.pki.ocsp.responses import IssuerID, issuer_ids
from providers.authority.answers import CUSTODY
from providers.authority.custody import CUSTODIES
from providers.authority.responders import draft_responder
from providers.choices import EntryKind
from providers.models import AuthorityKey, LedgerEntry, OCSPResponse, Responder
from providers.services import ledger
from providers.services.authorities.certifying import sign_recorded
from providers.services.signing import issuing, require_opens

logger = logging.getLogger(__name__)

KEY_TYPE = KeyType.EC256
RETRY_AFTER = timedelta(minutes=10)
LONGEST_RETRY = timedelta(hours=6)
"""Between two signatures that fail: each leaves a line of the ledger."""
REPLACED = "ocsp.replaced"
_SERVING = "serving"


@dataclass(frozen=True)
class Opened:
    """A responder whose key is at hand."""

    id: UUID
    key_id: UUID
    stored: Mapping[str, Any] = field(repr=False)
    good_until: datetime


def answering(now: datetime) -> QuerySet[AuthorityKey]:
    """The keys whose certificates are answered for."""
    offline = [slug for slug, custody in CUSTODIES.items() if custody.needs_passphrase]
    keys = AuthorityKey.objects.exclude(cert="").filter(not_after__gt=now)
    keys = keys.filter(authority__ocsp_hours__gt=0).exclude(authority__custody__in=offline)
    return keys.select_related("authority")


def keep() -> int:
    """Make the responders that are missing, revoked, unreadable or at half of their life; returns
    how many.

    One that fails stops no other, and is not tried again for a while.
    """
    now, count = clock.now(), 0
    serving = Responder.objects.filter(retired_at=None).select_related("entry__revocation")
    shown = Prefetch("responders", serving.defer("entry__cert"), to_attr=_SERVING)
    for key in answering(now).prefetch_related(shown):
        if key.responder_retry_at is not None and key.responder_retry_at > now:
            continue
        present: Responder | None = next(iter(getattr(key, _SERVING)), None)
        if present is None or _is_due(present, key, now):
            count += _make(key, present, now)
    return count


def _make(key: AuthorityKey, present: Responder | None, now: datetime) -> bool:
    try:
        # Before anything is written down for it: a token that is away leaves no line behind.
        require_opens(key, "")
    except CertMateError as error:
        _put_off(key, error, now, RETRY_AFTER)
        return False
    try:
        replace(key, present)
    except CertMateError as error:
        # That somebody else was faster says nothing against the key.
        if error.code != REPLACED:
            failing_for = now - (key.responder_failing_since or now)
            _put_off(key, error, now, min(max(RETRY_AFTER, failing_for), LONGEST_RETRY))
        return False
    if key.responder_failing_since is not None:
        rows = AuthorityKey.objects.filter(pk=key.pk)
        rows.update(responder_retry_at=None, responder_failing_since=None)
    return True


def _put_off(key: AuthorityKey, error: CertMateError, now: datetime, span: timedelta) -> None:
    """Logged when it begins to fail, not each time."""
    if key.responder_failing_since is None:
        logger.warning("A responder of %s was not made: %s", key, error)
    AuthorityKey.objects.filter(pk=key.pk).update(
        responder_retry_at=now + span, responder_failing_since=key.responder_failing_since or now
    )


def replace(key: AuthorityKey, present: Responder | None) -> Responder:
    """A new responder in the place of the present one.

    Raises Conflict (`ocsp.replaced`) if somebody else was faster, and what `sign_drafts` raises.
    """
    made = CUSTODY.make(KEY_TYPE)
    now = clock.now()
    try:
        drafted = draft_responder(issuing(key), made.public_key, key.authority.name, now=now)
    except PKIError as error:
        raise IntegrityFault(error.detail, code=error.code) from error
    entry, cert = sign_recorded(key.authority, key, drafted, kind=EntryKind.OCSP)
    try:
        with transaction.atomic():
            _retire(key, present, now)
            ledger.complete([entry], [cert])
            responder = Responder.objects.create(key=key, entry=entry, private_key=made.stored)
            audit(
                key.authority,
                "authority.responder_made",
                key=key.number,
                serial=entry.serial,
                not_after=entry.not_after.isoformat(),
            )
    except CertMateError:
        ledger.give_up(entry, "Another responder was made at the same time.")
        raise
    return responder


def opened(key_id: UUID) -> Opened | None:
    """The responder that signs for this key now, if there is one to be trusted."""
    found = (
        Responder.objects.filter(key_id=key_id, retired_at=None, entry__revocation=None)
        .filter(entry__not_after__gt=clock.now())
        .select_related("entry")
        .first()
    )
    if found is None:
        return None
    return Opened(found.pk, key_id, found.private_key, found.entry.not_after)


def is_serving(responder: Opened) -> bool:
    """Whether nobody has taken its place, which nobody does until the caller's transaction ends."""
    AuthorityKey.objects.select_for_update(no_key=True).get(pk=responder.key_id)
    serving = Responder.objects.filter(pk=responder.id, retired_at=None)
    return serving.filter(entry__revocation=None).exists()


@lru_cache(maxsize=256)
def certificate(responder_id: UUID) -> bytes:
    """The responder's certificate (DER), which never changes."""
    entry = LedgerEntry.objects.only("cert").get(pk__in=_entry_of(responder_id))
    return bytes(entry.cert or b"")


@lru_cache(maxsize=256)
def ids_of(cert: str) -> tuple[IssuerID, ...]:
    """By what clients name the CA with this certificate (PEM)."""
    return issuer_ids(Issuer(load_certificate(cert)))


def _entry_of(responder_id: UUID) -> QuerySet[Responder, int]:
    return Responder.objects.filter(pk=responder_id).values_list("entry_id", flat=True)


def _is_due(responder: Responder, key: AuthorityKey, now: datetime) -> bool:
    entry = responder.entry
    if hasattr(entry, "revocation") or entry.not_after <= now or not _opens(responder):
        return True
    # One that ends with the authority's certificate has no successor that would end later.
    is_last = key.not_after is not None and entry.not_after >= key.not_after
    return not is_last and now >= entry.not_before + (entry.not_after - entry.not_before) / 2


def _opens(responder: Responder) -> bool:
    try:
        CUSTODY.open(responder.private_key, "")
    except CertMateError as error:
        logger.warning("The key of %s cannot be read: %s", responder, error)
        return False
    return True


def _retire(key: AuthorityKey, present: Responder | None, now: datetime) -> None:
    """Let nobody sign for the key, in the caller's transaction, and forget whose answers are over.

    What a revoked one has signed is to be signed anew.
    """
    AuthorityKey.objects.select_for_update(no_key=True).get(pk=key.pk)
    serving = key.responders.filter(retired_at=None).first()
    if serving != present:
        raise Conflict("Another responder was made at the same time.", code=REPLACED)
    key.responders.filter(retired_at__isnull=False, entry__not_after__lte=now).delete()
    if serving is None:
        return
    if hasattr(serving.entry, "revocation"):
        theirs = OCSPResponse.objects.filter(responder=serving).values("entry_id")
        LedgerEntry.objects.filter(pk__in=theirs).update(answer_due_at=now)
    serving.private_key, serving.retired_at = {}, now
    serving.save(update_fields=["private_key", "retired_at"])
