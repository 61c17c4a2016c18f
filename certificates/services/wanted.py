"""From what somebody asks for to what a CA can be asked for: every check that needs no network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from certificates.choices import ChallengeType
from certificates.models import Certificate
from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb
from certmate.core.errors import InvalidRequest, invalid_input
from certmate.pki import csr as pki_csr
from certmate.pki.names import Name, parse_names
from providers.models import CAAccount, DNSAccount
from providers.services import account_for_names, resolve_ca_account, resolve_dns_account


@dataclass(frozen=True)
class CertificateRequest:
    """What a certificate is asked to be. In a reissue None means "as it is"."""

    domain: str | None = None
    san_domains: Sequence[str] | None = None
    ca: str = ""
    ca_provider: str = ""
    dns: str = ""
    dns_provider: str = ""
    account_id: str = ""
    challenge_type: str | None = None
    key_type: str | None = None
    csr: str | None = None


def resolve(
    actor: Actor, request: CertificateRequest, current: Certificate | None = None
) -> dict[str, Any]:
    """The fields of `Wanted` for the request, checked against each other and the CA's catalogue
    entry.

    With a `current` certificate, what the request leaves out is taken from it. Raises
    InvalidRequest.
    """
    names, csr = _names(request, current)
    account = _ca_account(actor, request, current)
    challenge = request.challenge_type or (
        current.challenge_type if current else ChallengeType.DNS_01
    )
    key_type = request.key_type or (current.key_type if current else "ec256")
    _check_choice(challenge, ChallengeType.values, "challenge_type")
    _check_choice(key_type, account.catalogue_entry.key_types, "key_type")
    _check_challenge(names, challenge)
    _check_ca(names, account)
    return {
        "names": [name.value for name in names],
        "ca_account": account,
        "dns_account": _dns_account(actor, request, current, challenge),
        "challenge_type": challenge,
        "key_type": key_type,
        "csr": csr,
    }


def dns_account_for(actor: Actor, wanted: dict[str, Any]) -> DNSAccount | None:
    """The DNS account that an order for this uses now: the named one, or the one whose zones
    match.
    """
    if wanted["challenge_type"] != ChallengeType.DNS_01:
        return None
    named: DNSAccount | None = wanted["dns_account"]
    return named or account_for_names(actor=actor, names=wanted["names"])


def _names(
    request: CertificateRequest, current: Certificate | None
) -> tuple[tuple[Name, ...], str]:
    before = list(current.names) if current else []
    domain = request.domain or (before[0] if before else "")
    sans = before[1:] if request.san_domains is None else list(request.san_domains)
    with invalid_input("san_domains" if request.san_domains else "domain"):
        names = parse_names(domain, sans)
    changed = request.domain is not None or request.san_domains is not None
    text = (
        request.csr if request.csr is not None else ("" if changed or not current else current.csr)
    )
    if not text:
        return names, ""
    with invalid_input("csr"):
        parsed = pki_csr.parse(text)
    return _match(names, parsed.names, exact=bool(request.san_domains)), parsed.pem


def _match(asked: tuple[Name, ...], signed: tuple[Name, ...], *, exact: bool) -> tuple[Name, ...]:
    """The names of the CSR, the primary first; they have to be the ones that were asked for."""
    missing = [name.value for name in asked if name not in signed]
    extra = [name.value for name in signed if name not in asked] if exact else []
    if missing or extra:
        raise InvalidRequest(
            f"The CSR's names differ from the request: missing {missing or 'none'}, extra "
            f"{extra or 'none'}.",
            code="csr.names",
            field="csr",
        )
    return (asked[0], *(name for name in signed if name != asked[0]))


def _ca_account(
    actor: Actor, request: CertificateRequest, current: Certificate | None
) -> CAAccount:
    if current and not request.ca and not request.ca_provider:
        _require_usable(actor, current.ca_account, "ca")
        return current.ca_account
    return resolve_ca_account(actor=actor, ca=request.ca, provider=request.ca_provider)


def _dns_account(
    actor: Actor, request: CertificateRequest, current: Certificate | None, challenge: str
) -> DNSAccount | None:
    named = resolve_dns_account(
        actor=actor, dns=request.dns, provider=request.dns_provider, account_id=request.account_id
    )
    if challenge == ChallengeType.DNS_01:
        kept = current.dns_account if current else None
        if named is None and kept is not None:
            _require_usable(actor, kept, "dns")
        return named or kept
    if named is not None:
        raise InvalidRequest(
            "HTTP-01 uses no DNS account; leave it out or choose dns-01.",
            code="dns.not_used",
            field="dns",
        )
    return None


def _require_usable(actor: Actor, account: CAAccount | DNSAccount, field: str) -> None:
    """What the certificate uses is not thereby for everybody who may renew it to use otherwise."""
    if not policy.allowed(actor, Verb.VIEW, account):
        raise InvalidRequest(
            "The certificate's present account is not one that you may use; name another.",
            code="account.unknown",
            field=field,
        )


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


def _check_ca(names: tuple[Name, ...], account: CAAccount) -> None:
    entry = account.catalogue_entry
    if not entry.wildcard and any(name.wildcard for name in names):
        raise InvalidRequest(
            f"{entry.label} issues no wildcards.", code="name.wildcard", field="domain"
        )
    if not entry.ip_addresses and any(name.kind == "ip" for name in names):
        raise InvalidRequest(
            f"{entry.label} issues no certificates for IP addresses.",
            code="name.ip",
            field="domain",
        )
