"""The only place that uses an authority's key. What it signs stands in the ledger already."""

from collections.abc import Sequence

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from certmate.core import clock
from certmate.core.errors import Conflict, IntegrityFault, InvalidRequest
from certmate.pki import issue
from certmate.pki.der import Frame
from certmate.pki.errors import PKIError
from providers.authority.building import Drafted, IssuingKey
from providers.authority.custody import CUSTODIES
from providers.authority.finishing import finish
from providers.choices import EntryKind
from providers.models import Authority, AuthorityKey, BlockedKey, Revocation
from providers.services import ledger


def signing_key(authority: Authority, *, for_leaf: bool = True) -> AuthorityKey:
    """The key that signs for the authority now. Raises Conflict if it cannot (`authority.disabled`,
    `.not_ready`, `.expired`, `.revoked`, `.offline`).
    """
    if authority.disabled_at is not None:
        raise Conflict(f"The authority {authority} is disabled.", code="authority.disabled")
    key = authority.active_key()
    if key is None:
        raise Conflict(
            f"The authority {authority} has no certificate yet.", code="authority.not_ready"
        )
    if not key.is_valid(clock.now()):
        raise Conflict(
            f"The certificate of the authority {authority} has expired; rotate its key.",
            code="authority.expired",
        )
    if is_revoked(key):
        raise Conflict(
            f"The certificate of the authority {authority}, or of a CA above it, is revoked; no "
            "verifier trusts what it signs.",
            code="authority.revoked",
        )
    if for_leaf and authority.is_offline:
        raise Conflict(
            f"The key of {authority} needs its passphrase each time, so it signs CAs and CRLs "
            "only. Make an intermediate below it.",
            code="authority.offline",
        )
    return key


def is_revoked(key: AuthorityKey) -> bool:
    """Whether a CA's certificate between this key's and the root's is revoked, or a key of these
    is compromised.
    """
    # By the serial number as well: without its cross-certificate a root is still one.
    chain = {key.public_key_hash: key.serial}
    # `above` walks the same way, and finds what was fetched here.
    while (issuer := key.issuer_key) is not None:
        key = issuer
        chain[key.public_key_hash] = key.serial
    if ledger.blocked(chain):
        return True
    revoked = Revocation.objects.filter(
        entry__public_key_hash__in=list(chain), entry__kind=EntryKind.CA
    )
    return not chain.items().isdisjoint(revoked.values_list("entry__public_key_hash", "serial"))


def judged(keys: QuerySet[AuthorityKey]) -> QuerySet[AuthorityKey]:
    """The keys with what `is_revoked` says of each by itself, for a list of them."""
    own = OuterRef("public_key_hash")
    is_blocked = Exists(BlockedKey.objects.filter(pk=own))
    is_listed = Exists(
        Revocation.objects.filter(
            serial=OuterRef("serial"), entry__public_key_hash=own, entry__kind=EntryKind.CA
        )
    )
    return keys.annotate(is_revoked=Q(is_blocked) | Q(is_listed))


def issuing(key: AuthorityKey) -> IssuingKey:
    """The key as it stands in the certificates that it signs."""
    return IssuingKey(
        cert=key.cert,
        chain="".join(above(key)),
        number=key.number,
        url=public_url(key.authority),
        first_shard=key.first_shard,
        shards=key.crl_shards,
        has_ocsp=key.authority.has_ocsp,
    )


def public_url(authority: Authority) -> str:
    """Where anybody finds the authority's certificates and CRLs."""
    return f"{settings.CERTMATE_PKI_URL}/pki/{authority.name}"


def above(key: AuthorityKey) -> list[str]:
    """The certificates (PEM) of all CAs above the key's own, its root last."""
    found = []
    while key.issuer_key is not None:
        key = key.issuer_key
        found.append(key.cert)
    return [*found, key.outside_chain] if key.outside_chain else found


def handed_out(key: AuthorityKey) -> str:
    """The chain (PEM) that goes with a certificate of this key.

    A root is left out, since whoever trusts it has it; but it stands there if it is all there is,
    and its cross-certificate while the key before it is still trusted.
    """
    parts: list[str] = []
    while True:
        parent = key.issuer_key
        if parent is None and not key.outside_chain:
            is_lone = not parts
            parts.append(key.cross_cert or (key.cert if is_lone else ""))
            return "".join(parts)
        parts.append(key.cert)
        if parent is None:
            return "".join([*parts, key.outside_chain])
        key = parent


def require_opens(key: AuthorityKey, passphrase: str, *, field: str = "passphrase") -> None:
    """Raise what `sign` would, before anything is made that waits for its signature; `field` is
    where the passphrase came from.
    """
    try:
        CUSTODIES[key.custody].open(key.private_key, passphrase)
    except InvalidRequest as error:
        raise InvalidRequest(error.detail, code=error.code, field=field) from error


def sign(key: AuthorityKey, frames: Sequence[Frame], passphrase: str = "") -> list[bytes]:
    """The key's signatures over what is to be signed.

    Raises InvalidRequest (`authority.passphrase`), or that the key cannot be reached.
    """
    signer = CUSTODIES[key.custody].open(key.private_key, passphrase)
    return [signer.sign(frame.tbs) for frame in frames]


def sign_drafts(
    key: AuthorityKey, issuer: issue.Issuer | None, drafts: Sequence[Drafted], passphrase: str = ""
) -> list[bytes]:
    """The drafts as certificates in DER. Without an issuer the key signs its own certificate.

    Raises IntegrityFault (`signature.invalid`) if the key store has signed something else.
    """
    try:
        frames = [drafted.frame for drafted in drafts]
        return finish(key.custody, key.private_key, passphrase, issuer, frames)
    except PKIError as error:
        raise IntegrityFault(error.detail, code=error.code) from error
