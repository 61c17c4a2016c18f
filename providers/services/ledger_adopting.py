"""Lines of the ledger that were lost with the database, written anew from what was signed."""

from certmate.audit.context import request_id
from certmate.audit.services import record as audit
from certmate.core import clock
from certmate.core.errors import IntegrityFault
from certmate.pki.inspect import describe_certificate, is_ca, is_issued_by, pem_blocks
from providers.choices import EntryKind, EntryState
from providers.models import Authority, AuthorityKey, LedgerEntry
from providers.services.signing import issuing


def line_of(authority: Authority, cert: str) -> LedgerEntry | None:
    """The authority's line of this certificate (PEM), if it has one."""
    serial = describe_certificate(cert).serial
    return LedgerEntry.objects.filter(authority=authority, serial=serial).first()


def adopt_entry(
    authority: Authority, cert: str, *, holder: str, profile: str, has_key: bool
) -> LedgerEntry:
    """The line of a certificate (PEM) that the authority has signed; written anew where it was lost
    with the database, in the caller's transaction, so that it can be revoked.

    Certificates are public: only who `has_key` gets a line that was lost. Raises IntegrityFault:
    `ledger.not_signed` for one that no key of the authority has signed, `ledger.other_holder` for
    one that is not this holder's, `ledger.line_lost`.
    """
    facts = describe_certificate(cert)
    key = _signer(authority, cert)
    der = pem_blocks(cert)[0][1]
    found = line_of(authority, cert)
    if found is not None:
        _require_same(found, der, holder)
        return found
    if is_ca(cert):
        raise IntegrityFault("A CA's certificate is no leaf.", code="ledger.other_holder")
    if not has_key:
        raise IntegrityFault(
            "The ledger has lost its line, and there is no key to show that it is this holder's.",
            code="ledger.line_lost",
        )
    now = clock.now()
    entry = LedgerEntry.objects.create(
        authority=authority,
        key=key,
        serial=facts.serial,
        kind=EntryKind.LEAF,
        state=EntryState.SIGNED,
        profile=profile,
        holder=holder,
        subject=facts.subject[:500],
        public_key_hash=facts.key.spki_sha256,
        shard=issuing(key).shard(int(facts.serial, 16)),
        not_before=facts.not_before,
        not_after=facts.not_after,
        cert=der,
        request_id=request_id()[:64],
        created_at=now,
        signed_at=now,
        answer_due_at=now,
        note="Found at a storage target.",
    )
    audit(authority, "ledger.adopted", serial=entry.serial, holder=holder)
    return entry


def _require_same(entry: LedgerEntry, der: bytes, holder: str) -> None:
    """Whoever brings somebody else's certificate, or a CA's, gets no hold of its line."""
    if bytes(entry.cert or b"") != der:
        raise _not_signed(entry.authority)
    if entry.kind != EntryKind.LEAF or entry.holder != holder:
        raise IntegrityFault(
            "In the ledger the certificate has another holder.", code="ledger.other_holder"
        )


def _signer(authority: Authority, cert: str) -> AuthorityKey:
    for key in authority.keys.exclude(cert="").select_related("authority"):
        if is_issued_by(cert, key.cert):
            return key
    raise _not_signed(authority)


def _not_signed(authority: Authority) -> IntegrityFault:
    return IntegrityFault(
        f"The certificate says that it is of {authority}, which has not signed it.",
        code="ledger.not_signed",
    )
