"""From what somebody asks for to what can be ordered: every check that needs no network."""

from collections.abc import Sequence
from typing import Any

from certificates.choices import ChallengeType
from certificates.models import Certificate
from certificates.services import signable
from certificates.services.issuer import issuer_of, require_usable
from certificates.services.naming import names_of
from certificates.services.request import CertificateRequest
from certmate.access.actors import Actor
from certmate.core.errors import InvalidRequest
from certmate.pki.keys import KeyType
from certmate.pki.names import Name
from providers.models import Authority, CAAccount, DNSAccount
from providers.services import (
    accounts_for_names,
    require_profile,
    require_room,
    resolve_dns_account,
)


def resolve(
    actor: Actor, request: CertificateRequest, current: Certificate | None = None
) -> dict[str, Any]:
    """The fields of `Wanted` for the request, checked against each other and against what is known
    of the issuer.

    With a `current` certificate, what the request leaves out is taken from it. Raises
    InvalidRequest.
    """
    issuer = issuer_of(actor, request, current)
    if isinstance(issuer, Authority):
        return signable.wish(actor, request, current, issuer)
    return _wish(actor, request, current, issuer)


def _wish(
    actor: Actor, request: CertificateRequest, current: Certificate | None, account: CAAccount
) -> dict[str, Any]:
    _refuse_validity(request)
    names, csr = names_of(request, current, public=True)
    # One of an authority has none.
    kept = current.challenge_type if current else ""
    challenge = request.challenge_type or kept or ChallengeType.DNS_01
    key_type = request.key_type or (current.key_type if current else KeyType.EC256.value)
    _check_choice(challenge, ChallengeType.values, "challenge_type")
    _check_choice(key_type, account.catalogue_entry.key_types, "key_type")
    _check_challenge(names, challenge)
    profile = _profile(request, current, account)
    _check_ca(names, account, profile or account.profile)
    return {
        "names": [name.value for name in names],
        "ca_account": account,
        "authority": None,
        "profile": None,
        "validity_days": None,
        "ca_profile": profile,
        "dns_account": _dns_account(actor, request, current, challenge),
        "challenge_type": challenge,
        "key_type": key_type,
        "csr": csr,
    }


def dns_accounts_for(
    actor: Actor, wanted: dict[str, Any]
) -> list[tuple[DNSAccount, Sequence[str]]]:
    """The DNS accounts that an order for this uses now, each with its names: the one that was
    named, or those whose zones match.
    """
    if wanted["challenge_type"] != ChallengeType.DNS_01:
        return []
    named: DNSAccount | None = wanted["dns_account"]
    names: Sequence[str] = wanted["names"]
    shares = [(named, names)] if named else accounts_for_names(actor=actor, names=names)
    for account, mine in shares:
        require_room(account=account, names=mine)
    return list(shares)


def _refuse_validity(request: CertificateRequest) -> None:
    if request.validity_days is not None:
        raise InvalidRequest(
            "A CA decides this itself, by its profile; only a private authority is told.",
            code="profile.not_used",
            field="validity_days",
        )


def _profile(request: CertificateRequest, current: Certificate | None, account: CAAccount) -> str:
    """The CA's profile that is named, or the one that the certificate has from this account; ""
    where the account's own counts.
    """
    if request.profile is not None:
        require_profile(account=account, profile=request.profile)
        return request.profile
    return current.ca_profile if current and current.ca_account_id == account.pk else ""


def _dns_account(
    actor: Actor, request: CertificateRequest, current: Certificate | None, challenge: str
) -> DNSAccount | None:
    named = resolve_dns_account(
        actor=actor, dns=request.dns, provider=request.dns_provider, account_id=request.account_id
    )
    if challenge == ChallengeType.DNS_01:
        kept = current.dns_account if current else None
        if named is None and kept is not None:
            require_usable(actor, kept, "dns")
        return named or kept
    if named is not None:
        raise InvalidRequest(
            "HTTP-01 uses no DNS account; leave it out or choose dns-01.",
            code="dns.not_used",
            field="dns",
        )
    return None


def _check_choice(value: str, known: Sequence[str], field: str) -> None:
    if value not in known:
        raise InvalidRequest(
            f"Must be one of: {', '.join(known)}.", code="request.choice", field=field
        )


def _check_challenge(names: tuple[Name, ...], challenge: str) -> None:
    if challenge == ChallengeType.HTTP_01 and any(name.wildcard for name in names):
        # RFC 8555 §8.3 leaves no way to serve a file at every name under a wildcard.
        raise InvalidRequest(
            "A wildcard can only be proved by dns-01.",
            code="name.wildcard_http01",
            field="challenge_type",
        )
    if challenge == ChallengeType.DNS_01 and any(name.kind == "ip" for name in names):
        # RFC 8738 §7: dns-01 must not be used for IP identifiers.
        raise InvalidRequest(
            "An IP address can only be proved by http-01.",
            code="name.ip_dns01",
            field="challenge_type",
        )


def _check_ca(names: tuple[Name, ...], account: CAAccount, profile: str) -> None:
    entry = account.catalogue_entry
    known = entry.profile(profile)
    if not entry.wildcard and any(name.wildcard for name in names):
        raise InvalidRequest(
            f"{entry.label} issues no wildcards.", code="name.wildcard", field="domain"
        )
    takes_addresses = entry.ip_addresses or (known is not None and known.ip_addresses)
    if not takes_addresses and any(name.kind == "ip" for name in names):
        under = [
            p.name for p in entry.profiles if p.ip_addresses and p.name in account.known_profiles
        ]
        only = f" but under its profile {under[0]}" if under else ""
        raise InvalidRequest(
            f"{entry.label} issues no certificates for IP addresses{only}.",
            code="name.ip",
            field="domain",
        )
    if known is not None and len(names) > known.max_names:
        raise InvalidRequest(
            f"{entry.label} takes at most {known.max_names} names under its profile {known.name}.",
            code="name.too_many",
            field="san_domains",
        )
