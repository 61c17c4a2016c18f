"""The one door to whoever issues: register, issue, revoke, ask for the renewal window.

A caller says which account and what to prove, or which authority and what to certify; how a CA of
that kind works stays in here. No call of this module may be made inside a database transaction,
but for `keep`, `check_leaf` and `revoke_signed`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from certmate.access.actors import Actor
from certmate.core import clock
from certmate.core.errors import CertMateError, Conflict, invalid_input
from certmate.pki.inspect import pem_of
from certmate.pki.subject import text
from providers.acme import client
from providers.acme.account import AccountRef
from providers.acme.client import IssuedChain
from providers.acme.plan import Challenge, IssueRequest, Share
from providers.acme.runner import Watch
from providers.acme.workspace import sweep_workspaces
from providers.authority.building import Drafted, Leaf, draft_leaf
from providers.dns.render import render
from providers.models import (
    Authority,
    AuthorityKey,
    CAAccount,
    DNSAccount,
    HTTPChallenge,
    LedgerEntry,
    Profile,
)
from providers.services import budget, key_holders, ledger, revoking, signing
from providers.services.budget import Turn, expect
from providers.services.registering import forget_registration, registered
from providers.services.verification import publication

__all__ = [
    "Proof",
    "SignedLeaf",
    "Turn",
    "as_signed",
    "check_leaf",
    "cleanup_http01",
    "expect",
    "give_up",
    "issue",
    "keep",
    "present_http01",
    "registered",
    "remove_leftovers",
    "renewal_windows",
    "revoke",
    "revoke_signed",
    "sign_drafted",
    "sign_leaf",
]

CHALLENGE_LIFETIME = timedelta(hours=1)
LEFTOVER_AGE = timedelta(hours=1)


@dataclass(frozen=True)
class Proof:
    """How control of the names is proved: HTTP-01 by ourselves, or DNS-01 through one or several
    accounts, each with its names.
    """

    challenge: Challenge
    dns_accounts: Sequence[tuple[DNSAccount, Sequence[str]]] = ()

    def terms(self) -> dict[str, Any]:
        """The fields of `IssueRequest` that say so."""
        shares = tuple(
            Share(
                account=account.name,
                names=tuple(names),
                proof=render(
                    account.catalogue_entry, account.credentials, account.propagation_seconds
                ),
                publication=publication(account),
            )
            for account, names in self.dns_accounts
        )
        if len(shares) == 1:
            return {"proof": shares[0].proof, "publication": shares[0].publication}
        return {"shares": shares}


def issue(
    *,
    account: CAAccount,
    csr: str,
    proof: Proof,
    turn: Turn,
    watch: Watch,
    profile: str = "",
    resume_url: str = "",
) -> IssuedChain:
    """A certificate for the CSR from this account's CA and no other, when it is its turn; under the
    `profile`, or the account's own.

    `resume_url` is the CA's order of an earlier attempt; what it already yielded is fetched, not
    asked for again. Raises Deferred (`acme.budget`) while the account's budget is used up, and
    UpstreamRejected or UpstreamUnavailable with a code of docs/errors.md.
    """

    def attempt(reference: AccountRef) -> IssuedChain:
        request = IssueRequest(
            account=reference,
            csr_pem=csr,
            challenge=proof.challenge,
            hooks_dir=str(settings.CERTMATE_HOOKS_DIR),
            resume_url=resume_url,
            profile=profile or account.profile,
            **proof.terms(),
        )
        return client.issue(request, watch=watch)

    use = budget.take(account, turn)
    failure: CertMateError | None = None
    try:
        return _with_account(account, attempt, watch)
    except CertMateError as error:
        failure = error
        raise
    finally:
        budget.done(use, account, turn.names, failure)


def _with_account(
    account: CAAccount, attempt: Callable[[AccountRef], IssuedChain], watch: Watch
) -> IssuedChain:
    try:
        return attempt(registered(account, watch))
    except CertMateError as error:
        if error.code != "acme.account_missing":
            raise
    # The CA has forgotten the account, as test servers do; the key registers it again.
    watch.step("The CA does not know the account any more; registering it again.")
    forget_registration(account)
    return attempt(registered(account, watch))


@dataclass(frozen=True)
class SignedLeaf:
    """A certificate of an authority that nobody has yet: `keep` it before it is handed out."""

    cert: str
    chain: str
    issuer: str
    der: bytes
    drafted: Drafted
    entry: LedgerEntry


def check_leaf(*, authority: Authority, profile: Profile, leaf: Leaf, holder: str) -> None:
    """Raise what `sign_leaf` would before it signs."""
    _, drafted = _drafted(authority, profile, leaf)
    key_holders.require_certifiable([(drafted.public_key_hash, holder)])


def sign_leaf(*, authority: Authority, profile: Profile, leaf: Leaf, holder: str) -> SignedLeaf:
    """A certificate under the profile from this authority and no other.

    Raises InvalidRequest with the field that breaks a rule, Conflict (`authority.*`, `key.*`)
    before anything is recorded, and what the key store raises.
    """
    key, drafted = _drafted(authority, profile, leaf)
    key_holders.require_certifiable([(drafted.public_key_hash, holder)])
    return sign_drafted(key, [drafted], [holder], profile=profile.name)[0]


def _drafted(authority: Authority, profile: Profile, leaf: Leaf) -> tuple[AuthorityKey, Drafted]:
    key = signing.signing_key(authority)
    with invalid_input(""):
        drafted = draft_leaf(signing.issuing(key), profile.rules, leaf, now=clock.now())
    return key, drafted


def sign_drafted(
    key: AuthorityKey, drafts: Sequence[Drafted], holders: Sequence[str], *, profile: str
) -> list[SignedLeaf]:
    """Record the drafts and have them signed. What fails after that is given up at once, and a key
    that cannot be reached leaves no line. The caller has asked whose the public keys are
    (`key_holders`).
    """
    signing.require_opens(key, "")
    entries = ledger.record(key, drafts, holders, profile=profile)
    try:
        certificates = signing.sign_drafts(key, signing.issuing(key).issuer, drafts)
    except CertMateError as error:
        for entry in entries:
            ledger.give_up(entry, f"The signature failed: {error.code}.")
        raise
    return as_signed(key, drafts, entries, certificates)


def as_signed(
    key: AuthorityKey,
    drafts: Sequence[Drafted],
    entries: Sequence[LedgerEntry],
    certificates: Sequence[bytes],
) -> list[SignedLeaf]:
    """What was recorded and signed (DER), with the chain that goes with it."""
    chain, issuer = signing.handed_out(key), text(key.authority.subject)
    return [
        SignedLeaf(pem_of(der), chain, issuer, der, drafted, entry)
        for der, drafted, entry in zip(certificates, drafts, entries, strict=True)
    ]


def give_up(signed: Sequence[SignedLeaf], note: str) -> None:
    """Revoke what was signed and could not be kept; nobody got it."""
    for one in signed:
        ledger.give_up(one.entry, note)


def keep(signed: Sequence[SignedLeaf]) -> None:
    """Complete the ledger, in the transaction that stores what the certificates are for.

    Raises IntegrityFault (`ledger.given_up`): then nobody must get them.
    """
    ledger.complete([one.entry for one in signed], [one.der for one in signed])


def revoke_signed(*, actor: Actor, entry: LedgerEntry, reason: str) -> None:
    """Revoke what an authority has signed, in the caller's transaction. Already revoked counts as
    done.
    """
    try:
        revoking.revoke(entry, reason, actor=actor)
    except Conflict as error:
        if error.code != "revoke.already":
            raise


def revoke(*, account: CAAccount, cert: str, reason: str, watch: Watch) -> None:
    """Revoke with an RFC 5280 §5.3.1 reason (RFC 8555 §7.6). Already revoked counts as done."""
    client.revoke(registered(account, watch), cert_pem=cert, reason=reason, watch=watch)


def renewal_windows(
    *, account: CAAccount, certs: list[str], watch: Watch
) -> list[tuple[datetime | None, datetime]]:
    """For each certificate, when the CA suggests to renew (RFC 9773), and when to ask again.

    None where the CA offers no renewal information.
    """
    return client.renewal_windows(registered(account, watch), cert_pems=certs, watch=watch)


def remove_leftovers() -> None:
    """Remove from this machine what killed workers left of their runs."""
    sweep_workspaces(LEFTOVER_AGE)


def present_http01(token: str, key_authorization: str) -> None:
    """Let every web worker answer a validator that asks for this token."""
    now = clock.now()
    HTTPChallenge.objects.filter(expires_at__lt=now).delete()
    HTTPChallenge.objects.update_or_create(
        token=token,
        defaults={"key_authorization": key_authorization, "expires_at": now + CHALLENGE_LIFETIME},
    )


def cleanup_http01(token: str) -> None:
    """Stop answering for this token."""
    HTTPChallenge.objects.filter(token=token).delete()
