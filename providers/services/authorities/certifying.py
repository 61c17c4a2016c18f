"""A key pair of an authority: made, certified by itself or by the authority above, put into use."""

from datetime import timedelta

from django.db import transaction

from certmate.audit.services import record as audit
from certmate.core import clock
from certmate.core.errors import CertMateError, InvalidRequest, invalid_input
from certmate.pki.der import signed
from certmate.pki.inspect import describe_certificate, pem_of
from certmate.pki.issue import draft_request
from certmate.pki.keys import KeyType
from certmate.pki.subject import to_name
from providers.authority.building import Drafted, spki_hash
from providers.authority.cas import CAWanted, draft_ca
from providers.authority.custody.base import MadeKey
from providers.choices import EntryKind, KeyState
from providers.models import Authority, AuthorityKey, LedgerEntry
from providers.services import ledger
from providers.services.crl_changes import add_crls
from providers.services.signing import issuing, sign_drafts


def make_key(authority: Authority, passphrase: str) -> MadeKey:
    """A new key where the authority keeps its keys."""
    custody = authority.custody_entry
    key_type = KeyType(authority.key_type)
    if key_type not in custody.key_types:
        known = ", ".join(sorted(custody.key_types))
        raise InvalidRequest(
            f"{custody.label} takes keys of these types: {known}.",
            code="authority.key_type",
            field="key_type",
        )
    with invalid_input("key_type"):
        return custody.make(key_type, passphrase=passphrase)


def keep_key(authority: Authority, made: MadeKey, csr: str = "") -> AuthorityKey:
    """The key as a row, without a certificate yet; in the caller's transaction. `csr` (PEM) is what
    an outside CA is asked with.
    """
    latest = authority.keys.order_by("-number").first()
    return AuthorityKey.objects.create(
        authority=authority,
        number=latest.number + 1 if latest else 1,
        custody=authority.custody,
        key_type=authority.key_type,
        private_key=made.stored,
        public_key_hash=spki_hash(made.public_key),
        csr=csr,
        first_shard=latest.first_shard + latest.crl_shards if latest else 0,
        crl_shards=authority.crl_shards,
    )


def certify(
    authority: Authority,
    key: AuthorityKey,
    made: MadeKey,
    *,
    passphrase: str = "",
    signer: AuthorityKey | None = None,
    signer_passphrase: str = "",
    cross_signer: AuthorityKey | None = None,
) -> None:
    """Have the key's certificate signed, and let the authority use it from now on.

    `signer` is the key above; without it the certificate is self-signed. `cross_signer` is the key
    before it, which certifies it for those who trust that one only. `passphrase` opens both of
    the authority's own keys.
    """
    wanted, now, crossed = _wanted(authority, key, made), clock.now(), None
    # Both drafts before any signature, so that nothing is signed if one is refused.
    with invalid_input("subject"):
        drafted = draft_ca(wanted, issuing(signer) if signer else None, now=now)
        if cross_signer is not None:
            crossed = draft_ca(wanted, issuing(cross_signer), now=now)
    secret = signer_passphrase if signer else passphrase
    done = [sign_recorded(authority, signer or key, drafted, passphrase=secret)]
    if cross_signer is not None and crossed is not None:
        done.append(sign_recorded(authority, cross_signer, crossed, passphrase=passphrase))
    certs = [cert for _, cert in done]
    with transaction.atomic():
        ledger.complete([entry for entry, _ in done], certs)
        key.cross_cert = "".join(map(pem_of, certs[1:]))
        key.issuer_key = signer
        put_into_use(key, pem_of(certs[0]))


def put_into_use(key: AuthorityKey, cert: str) -> None:
    """The key signs for its authority from now on, and the one before it no more; in the caller's
    transaction.
    """
    # Two that come at once would not see that the other's key is active.
    Authority.objects.select_for_update().get(pk=key.authority_id)
    facts = describe_certificate(cert)
    older = AuthorityKey.objects.filter(authority=key.authority).exclude(pk=key.pk)
    older.update(state=KeyState.REPLACED)
    key.state, key.cert = KeyState.ACTIVE, cert
    key.serial, key.fingerprint = facts.serial, facts.fingerprint
    key.not_before, key.not_after = facts.not_before, facts.not_after
    key.activated_at = clock.now()
    key.save()
    add_crls(key)
    audit(
        key.authority,
        "authority.key_activated",
        key=key.number,
        serial=facts.serial,
        fingerprint=facts.fingerprint,
        public_key_hash=key.public_key_hash,
    )


def request_for(authority: Authority, made: MadeKey, passphrase: str) -> str:
    """A CSR (PEM) for an outside CA, signed by the new key wherever it is kept."""
    frame = draft_request(to_name(authority.subject), made.public_key)
    signer = authority.custody_entry.open(made.stored, passphrase)
    return pem_of(signed(frame, signer.sign(frame.tbs)), "CERTIFICATE REQUEST")


def sign_recorded(
    authority: Authority,
    signer: AuthorityKey,
    drafted: Drafted,
    *,
    kind: EntryKind = EntryKind.CA,
    passphrase: str = "",
) -> tuple[LedgerEntry, bytes]:
    """The line of the ledger, and the certificate (DER) that is still to be put into it, of what
    the authority needs for itself. Raises Conflict (`key.blocked`) and what `sign_drafts` raises.
    """
    ledger.require_unblocked([drafted.public_key_hash])
    holder = f"authority/{authority.name}"
    (entry,) = ledger.record(signer, [drafted], [holder], kind=kind)
    issuer = issuing(signer).issuer if signer.cert else None
    try:
        (cert,) = sign_drafts(signer, issuer, [drafted], passphrase)
    except CertMateError as error:
        # What the key did is not known, and nobody waits for it any more.
        ledger.give_up(entry, f"The signature failed: {error.code}.")
        raise
    return entry, cert


def _wanted(authority: Authority, key: AuthorityKey, made: MadeKey) -> CAWanted:
    return CAWanted(
        subject=authority.subject,
        public_key=made.public_key,
        validity=timedelta(days=authority.validity_days),
        path_length=authority.path_length,
        name_constraints=authority.name_constraints,
        shards=key.shards,
    )
