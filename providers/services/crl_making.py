"""One CRL with its delta CRL: read, drafted, linted, signed, and published in one transaction."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Case, F, Value, When

from certmate.core import clock
from certmate.core.claims import fenced
from certmate.core.errors import IntegrityFault
from certmate.pki import crl as pki
from certmate.pki import crl_lint
from certmate.pki.crl import CRLFacts, Revoked
from certmate.pki.errors import PKIError
from certmate.pki.issue import Issuer
from providers.models import CRL, AuthorityKey, CRLChange, CRLRelease, CRLShard, Revocation
from providers.services import addresses
from providers.services.signing import issuing, sign

KEPT = 2
"""The published one and the one before it."""
LARGE_DELTA = 1000
"""Of more entries than this and half of the full CRL's, nobody is spared much."""
_AT_ONCE = 2000


@dataclass(frozen=True)
class _Found:
    """What the CRL shall say, and the rows that have been told once it is published; `news` and
    `removed` are what has changed since the base.

    Read in this order: whatever is committed meanwhile has a change that is not among these, and so
    is told by the next CRL.
    """

    changes: list[int]
    untold: list[int]
    oldest_untold_at: datetime | None
    releases: list[int]
    removed: list[Revoked]
    revoked: list[Revoked]
    news: list[Revoked]


def make(shard: CRLShard, token: UUID, passphrase: str = "") -> CRL:
    """Publish the next CRL of a shard that this worker has claimed, and release the claim.

    Raises LeaseLost if another worker has taken over; then nothing is published.
    """
    now, key = clock.now(), shard.key
    latest = CRL.objects.filter(key=key, shard=shard.shard).defer("content", "delta")
    before = latest.order_by("-number").first()
    # RFC 5280 §5: what has expired stands on one more CRL after that.
    found = _read(shard, since=before.this_update if before else now)
    # Rises by itself, also after a backup of the database was put back.
    number = max(int(now.timestamp() * 1_000_000), before.number + 1 if before else 0)
    made = CRL(key=key, shard=shard.shard, number=number, this_update=now)
    is_base = _needs_base(shard, found, now)
    _sign(made, shard, found, passphrase, base=number if is_base else shard.base_number)
    _publish(made, shard, token, found, is_base=is_base)
    return made


def _read(shard: CRLShard, since: datetime) -> _Found:
    own = {"key": shard.key_id, "shard": shard.shard}
    changes = list(
        CRLChange.objects.filter(**own).values_list("pk", "entry_id", "changed_at", "is_told")
    )
    changed = {entry_id for _, entry_id, _, _ in changes}
    untold = {pk: at for pk, _, at, is_told in changes if not is_told}
    released = list(
        CRLRelease.objects.filter(**own).values_list("pk", "entry__serial", "revoked_at")
    )
    rows = Revocation.objects.filter(**own, not_after__gt=since).order_by("pk")
    fields = ("entry_id", "serial", "revoked_at", "reason", "invalidity_at")
    revoked, news = [], []
    for entry_id, serial, *rest in rows.values_list(*fields).iterator(chunk_size=_AT_ONCE):
        one = Revoked(int(serial, 16), *rest)
        revoked.append(one)
        if entry_id in changed:
            news.append(one)
    again = {one.serial for one in news}
    removed = [Revoked(int(serial, 16), at, "removeFromCRL") for _, serial, at in released]
    return _Found(
        changes=[pk for pk, *_ in changes],
        untold=list(untold),
        oldest_untold_at=min(untold.values(), default=None),
        releases=[pk for pk, _, _ in released],
        removed=[one for one in removed if one.serial not in again],
        revoked=revoked,
        news=news,
    )


def _needs_base(shard: CRLShard, found: _Found, now: datetime) -> bool:
    """Whether deltas shall start anew, from the CRL that is being made."""
    authority = shard.key.authority
    if not authority.has_delta_crls or shard.base_at is None:
        return True
    if shard.base_at + timedelta(hours=authority.crl_hours) / 2 <= now:
        return True
    changed = len(found.news) + len(found.removed)
    return changed > LARGE_DELTA and changed > len(found.revoked) / 2


def _sign(made: CRL, shard: CRLShard, found: _Found, passphrase: str, base: int | None) -> None:
    key, authority = made.key, made.key.authority
    own = issuing(key)
    made.next_update = made.this_update + timedelta(hours=authority.crl_hours)
    full = CRLFacts(
        made.number,
        made.this_update,
        made.next_update,
        shard_url=own.crl_url(made.shard) if key.crl_shards > 1 else "",
    )
    if not authority.has_delta_crls:
        made.content = _signed(key, own.issuer, full, found.revoked, passphrase)
        made.entries = len(found.revoked)
        return
    hours = min(authority.delta_crl_hours, authority.crl_hours)
    made.delta_next_update = made.this_update + timedelta(hours=hours)
    delta = replace(full, next_update=made.delta_next_update, base_number=base)
    news = [] if base == made.number else [*found.news, *found.removed]
    full = replace(full, freshest_url=addresses.delta_crl_url(key, made.shard))
    made.content = _signed(key, own.issuer, full, found.revoked, passphrase)
    made.delta = _signed(key, own.issuer, delta, news, passphrase)
    made.entries, made.delta_entries = len(found.revoked), len(news)


def _signed(
    key: AuthorityKey, issuer: Issuer, facts: CRLFacts, revoked: Sequence[Revoked], passphrase: str
) -> bytes:
    try:
        frame = pki.draft_crl(issuer, facts, revoked)
        crl_lint.check(frame, issuer, facts, revoked)
        (signature,) = sign(key, [frame], passphrase)
        return pki.complete_crl(frame, signature, issuer)
    except PKIError as error:
        raise IntegrityFault(error.detail, code=error.code) from error


def _publish(made: CRL, shard: CRLShard, token: UUID, found: _Found, *, is_base: bool) -> None:
    soonest = made.delta_next_update or made.next_update
    due_at = made.this_update + (soonest - made.this_update) / 2
    values: dict[str, object] = {
        # Unless somebody has made it due meanwhile, because it shall be valid for another time.
        "due_at": Case(When(due_at=shard.due_at, then=Value(due_at)), default=F("due_at")),
        "this_update": made.this_update,
        "next_update": made.next_update,
    }
    if is_base:
        values |= {"base_number": made.number, "base_at": made.this_update}
    if found.oldest_untold_at is not None:
        values["published_after"] = clock.now() - found.oldest_untold_at
    with transaction.atomic():
        # First, so that whoever has taken over waits for this or ends it.
        fenced(CRLShard, shard.pk, token, lease_token=None, lease_expires_at=None, **values)
        made.save(force_insert=True)
        if is_base:
            _delete(CRLChange, found.changes)
            _delete(CRLRelease, found.releases)
        else:
            _note_told(found.untold)
        every = CRL.objects.filter(key=made.key, shard=made.shard)
        kept = every.order_by("-number").values_list("pk", flat=True)[:KEPT]
        every.exclude(pk__in=list(kept)).delete()


def _note_told(keys: Sequence[int]) -> None:
    for some in _in_parts(keys):
        CRLChange.objects.filter(pk__in=some).update(is_told=True)


def _delete(model: type[CRLChange] | type[CRLRelease], keys: Sequence[int]) -> None:
    for some in _in_parts(keys):
        model.objects.filter(pk__in=some).delete()


def _in_parts(keys: Sequence[int]) -> Iterator[Sequence[int]]:
    return (keys[at : at + _AT_ONCE] for at in range(0, len(keys), _AT_ONCE))
