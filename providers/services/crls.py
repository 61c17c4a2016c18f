"""CRLs: made from the revocations of one key and shard, signed, published."""

import logging
from collections.abc import Callable
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Max

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb
from certmate.audit.services import record as audit
from certmate.core import clock
from certmate.core.errors import CertMateError, Conflict, IntegrityFault
from certmate.pki import crl as pki
from providers.choices import KeyState
from providers.models import CRL, Authority, AuthorityKey, Revocation
from providers.services.signing import issuing, sign

logger = logging.getLogger(__name__)

KEPT = 2
"""The published one and the one before it."""


def publish_crls(*, actor: Actor, authority: Authority, passphrase: str = "") -> list[CRL]:
    """Make all CRLs of the authority now, those of its earlier keys included.

    Raises InvalidRequest (`authority.passphrase`) where the key needs one.
    """
    policy.require(actor, Verb.SIGN, authority)
    made = [
        publish(key, shard, passphrase) for key in _publishing(authority) for shard in key.shards
    ]
    if not made:
        raise Conflict(
            f"The authority {authority} has no certificate yet.", code="authority.not_ready"
        )
    with transaction.atomic():
        audit(authority, "authority.crls_published", crls=len(made))
    return made


def publish(key: AuthorityKey, shard: int, passphrase: str = "") -> CRL:
    """Make the next CRL of this shard and put it in the place of the one before it.

    Raises IntegrityFault for a shard of another key: whatever stands on that would be forgotten.
    """
    if shard not in key.shards:
        raise IntegrityFault(f"{key} has no CRL {shard}.")
    now = clock.now()
    latest = CRL.objects.filter(key=key, shard=shard).defer("content").order_by("-number").first()
    # RFC 5280 §5: what has expired stands on one more CRL after that.
    since = latest.this_update if latest else now
    rows = Revocation.objects.filter(key=key, shard=shard, not_after__gt=since).order_by("pk")
    revoked = [
        pki.Revoked(int(row.serial, 16), row.revoked_at, row.reason, row.invalidity_at)
        for row in rows.iterator(chunk_size=2000)
    ]
    # Rises by itself, also after a backup of the database was put back.
    number = max(int(now.timestamp() * 1_000_000), latest.number + 1 if latest else 0)
    own = issuing(key)
    next_update = now + timedelta(hours=key.authority.crl_hours)
    frame = pki.draft_crl(
        own.issuer,
        revoked,
        number=number,
        this_update=now,
        next_update=next_update,
        shard_url=own.crl_url(shard) if key.crl_shards > 1 else "",
    )
    (signature,) = sign(key, [frame], passphrase)
    content = pki.complete_crl(frame, signature, own.issuer)
    with transaction.atomic():
        made = CRL.objects.create(
            key=key,
            shard=shard,
            number=number,
            this_update=now,
            next_update=next_update,
            entries=len(revoked),
            content=content,
        )
        kept = CRL.objects.filter(key=key, shard=shard).order_by("-number")[:KEPT]
        old = CRL.objects.filter(key=key, shard=shard).exclude(pk__in=[one.pk for one in kept])
        old.delete()
    return made


def publish_shard(key_id: str, shard: int) -> None:
    """Make one CRL after a revocation, if the key signs without a passphrase."""
    key = AuthorityKey.objects.select_related("authority").filter(pk=key_id).first()
    if key is not None and key.cert and not key.authority.is_offline:
        publish(key, shard)


def publish_due(tell: Callable[[CRL], None] | None = None) -> int:
    """Make the CRLs that are missing or at half of their validity, and `tell` of each; returns how
    many.

    One that fails stops no other. Authorities whose key needs a passphrase are left to people.
    """
    count = 0
    keys = AuthorityKey.objects.select_related("authority").exclude(cert="")
    for key in keys.filter(not_after__gt=clock.now()):
        for shard in () if key.authority.is_offline else key.shards:
            if not _is_due(key, shard):
                continue
            try:
                made = publish(key, shard)
            except (CertMateError, IntegrityError) as error:
                logger.warning("CRL %s of %s was not made: %s", shard, key, error)
                continue
            count += 1
            if tell is not None:
                tell(made)
    return count


def _is_due(key: AuthorityKey, shard: int) -> bool:
    latest = CRL.objects.filter(key=key, shard=shard).aggregate(at=Max("this_update"))["at"]
    half = timedelta(hours=key.authority.crl_hours) / 2
    return latest is None or latest + half <= clock.now()


def _publishing(authority: Authority) -> list[AuthorityKey]:
    keys = authority.keys.select_related("authority").exclude(state=KeyState.WAITING)
    return list(keys.exclude(cert="").filter(not_after__gt=clock.now()).order_by("number"))
