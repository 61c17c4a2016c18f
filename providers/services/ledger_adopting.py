"""Lines of the ledger that were lost with the database, written anew from what was signed."""

from certmate.audit.context import request_id
from certmate.audit.services import record as audit
from certmate.core import clock
from certmate.core.errors import IntegrityFault
from certmate.pki.inspect import describe_certificate, is_issued_by, pem_blocks
from providers.choices import EntryKind, EntryState
from providers.models import Authority, AuthorityKey, LedgerEntry
from providers.services.signing import issuing


def adopt_entry(authority: Authority, cert: str, *, holder: str, profile: str) -> LedgerEntry:
    """The line of a certificate (PEM) that the authority has signed; written anew where it was lost
    with the database, in the caller's transaction, so that it can be revoked.

    Raises IntegrityFault (`ledger.not_signed`) for one that no key of the authority has signed.
    """
    facts = describe_certificate(cert)
    key = _signer(authority, cert)
    found = LedgerEntry.objects.filter(authority=authority, serial=facts.serial).first()
    der = pem_blocks(cert)[0][1]
    if found is not None:
        if bytes(found.cert or b"") != der:
            raise _not_signed(authority)
        return found
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
