"""What a client is answered: from what is ready, or signed now where that is turned on."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings

from certmate.core import clock, rates
from certmate.core.errors import CertMateError
from certmate.pki.errors import PKIError
from certmate.pki.inspect import whole_octets
from certmate.pki.ocsp.requests import Asked, CertID, parse
from certmate.pki.ocsp.responses import (
    GOOD,
    UNKNOWN,
    Period,
    Refusal,
    Status,
    refused,
    successful,
)
from providers.authority.answers import CUSTODY, sign
from providers.authority.responders import key_bits
from providers.choices import EntryState
from providers.models import LedgerEntry
from providers.services.ocsp import responders, stored

KNOWN_FOR = timedelta(minutes=1)
"""How long a process believes what it knows of issuers."""
LOOK_AGAIN_AFTER = timedelta(seconds=1)
"""Before that an issuer that is not known is not looked for again."""
LIVE_FOR = timedelta(hours=1)
"""How long an answer with a nonce is good, at most as long as others."""


class Answer(NamedTuple):
    """What is sent. Without a period it is for this client alone."""

    content: bytes
    period: Period | None = None


class _Issuer(NamedTuple):
    """A key of an authority, as answers need it."""

    key_id: UUID
    authority_id: UUID
    authority: str
    validity: timedelta


class _Known(NamedTuple):
    """The issuers by how clients name them, and since when that is known."""

    issuers: dict[tuple[str, bytes, bytes], _Issuer]
    at: datetime


_known: _Known | None = None


def answer(authority: str, data: bytes) -> Answer:
    """The answer to a request (DER) that came to this authority's address."""
    try:
        asked = parse(data)
    except PKIError:
        return _refused(Refusal.MALFORMED)
    issuer = _issuer(authority, asked.certificates)
    if issuer is None:
        # RFC 6960 §2.3: not capable of responding authoritatively.
        return _refused(Refusal.UNAUTHORIZED)
    is_one = len(set(asked.certificates)) == 1
    if settings.CERTMATE_OCSP_LIVE and (asked.nonce is not None or not is_one):
        return _live(issuer, asked) or _ready(issuer, asked, is_one)
    ready = _ready(issuer, asked, is_one)
    if settings.CERTMATE_OCSP_LIVE and ready.period is None:
        return _live(issuer, asked) or ready
    return ready


def forget_issuers() -> None:
    """Look for issuers anew."""
    global _known
    _known = None


def _refused(refusal: Refusal) -> Answer:
    return Answer(refused(refusal))


def _issuer(authority: str, certificates: Sequence[CertID]) -> _Issuer | None:
    """The one key of the authority that has issued all of them."""
    names = {certificate[:3] for certificate in certificates}
    found = {_find(name) for name in names}
    issuer = next(iter(found))
    # A responder is trusted for the one CA that has certified it.
    return issuer if len(found) == 1 and issuer and issuer.authority == authority else None


def _find(name: tuple[str, bytes, bytes]) -> _Issuer | None:
    global _known
    now, known = clock.now(), _known
    age = timedelta.max if known is None else abs(now - known.at)
    if known is None or age > KNOWN_FOR or (name not in known.issuers and age > LOOK_AGAIN_AFTER):
        known = _known = _Known(_issuers(now), now)
    return known.issuers.get(name)


def _issuers(now: datetime) -> dict[tuple[str, bytes, bytes], _Issuer]:
    found: dict[tuple[str, bytes, bytes], _Issuer] = {}
    keys = responders.answering(now).only(
        "cert", "authority_id", "authority__name", "authority__ocsp_hours"
    )
    for key in keys:
        hours = timedelta(hours=key.authority.ocsp_hours)
        issuer = _Issuer(key.pk, key.authority_id, key.authority.name, hours)
        for one in responders.ids_of(key.cert):
            found[one.algorithm, one.name_hash, one.key_hash] = issuer
    return found


def _ready(issuer: _Issuer, asked: Asked, is_one: bool) -> Answer:
    """The one that was made before. RFC 9654 §2.1 lets it leave the nonce out."""
    if not is_one:
        busy = settings.CERTMATE_OCSP_LIVE
        return _refused(Refusal.TRY_LATER if busy else Refusal.UNAUTHORIZED)
    wanted = asked.certificates[0]
    serial = _text(wanted.serial)
    found = stored.find(issuer.key_id, serial, wanted.algorithm)
    if found is not None and found.period.ends > clock.now():
        content = successful(found.signed, responders.certificate(found.responder_id))
        return Answer(content, found.period)
    return _refused(Refusal.TRY_LATER if _is_coming(issuer, serial) else Refusal.UNAUTHORIZED)


def _is_coming(issuer: _Issuer, serial: str) -> bool:
    """Whether there will be an answer about this one."""
    lines = LedgerEntry.objects.filter(authority_id=issuer.authority_id, serial=serial)
    line = lines.filter(key_id=issuer.key_id).values_list("state", "answer_due_at").first()
    return line is not None and (line[0] == EntryState.INTENDED or line[1] is not None)


def _live(issuer: _Issuer, asked: Asked) -> Answer | None:
    """An answer that is signed now; None beyond the limit."""
    if rates.take("ocsp-live", rates.Rate(settings.CERTMATE_OCSP_LIVE)):
        return None
    statuses = _statuses(issuer, asked.certificates)
    if isinstance(statuses, Refusal):
        return _refused(statuses)
    responder = responders.opened(issuer.key_id)
    if responder is None:
        return _refused(Refusal.TRY_LATER)
    try:
        signer = CUSTODY.open(responder.stored, "")
    except CertMateError:
        return _refused(Refusal.INTERNAL)
    now = clock.now().replace(microsecond=0)
    ends = min(now + min(LIVE_FOR, issuer.validity), responder.good_until)
    bits = key_bits(signer.public_key)
    signed = sign(signer, bits, statuses, Period(now, ends), asked.nonce)
    return Answer(successful(signed, responders.certificate(responder.id)))


def _statuses(
    issuer: _Issuer, certificates: Sequence[CertID]
) -> list[tuple[CertID, Status]] | Refusal:
    """What is true of each now. One that nobody answers for any more spoils the whole answer."""
    wanted = {_text(one.serial) for one in certificates}
    lines = LedgerEntry.objects.filter(
        authority_id=issuer.authority_id, key_id=issuer.key_id, serial__in=wanted
    ).values_list(*("serial", "state", "not_after"), "revocation__revoked_at", "revocation__reason")
    found: dict[str, Status] = {}
    now = clock.now()
    for serial, state, not_after, revoked_at, reason in lines:
        if state == EntryState.INTENDED:
            return Refusal.TRY_LATER
        if not_after <= now:
            return Refusal.UNAUTHORIZED
        found[serial] = Status(revoked_at, reason) if revoked_at else GOOD
    return [(one, found.get(_text(one.serial), UNKNOWN)) for one in certificates]


def _text(serial: int) -> str:
    """As the ledger writes it."""
    return whole_octets(f"{serial:x}")
