"""What went wrong in the child, turned into an error with a code and a remedy. Pure tables.

The child reports a problem as JSON: its `kind` says where it arose, and an ACME problem document
(RFC 8555 §6.7) carries its type, words and identifiers. Everything in it was said by somebody else,
so that it is cleaned and shortened before a person sees it.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from certmate.core.errors import CertMateError
from providers.acme.remedies import FAILURES, REMEDIES

__all__ = ["FAILURES", "REMEDIES", "clean", "code_of_type", "to_error"]

_URN = "urn:ietf:params:acme:error:"
_LONGEST_DETAIL = 600
_LONGEST_WAIT = timedelta(days=14)

# Types that mean the same for every operation: RFC 8555 §6.7, RFC 8659, RFC 9773 and
# draft-ietf-acme-profiles.
_TYPES = {
    "accountDoesNotExist": "acme.account_missing",
    "alreadyRevoked": "acme.already_revoked",
    "badCSR": "acme.bad_csr",
    "badNonce": "acme.server_error",
    "badPublicKey": "acme.bad_csr",
    "badRevocationReason": "acme.bad_reason",
    "badSignatureAlgorithm": "acme.account_refused",
    "caa": "acme.caa",
    "connection": "acme.connection",
    "dns": "acme.dns_not_visible",
    "externalAccountRequired": "acme.bad_eab",
    "incorrectResponse": "acme.unauthorized",
    "invalidContact": "acme.bad_contact",
    "invalidProfile": "acme.profile",
    "malformed": "acme.malformed",
    "orderNotReady": "acme.server_error",
    "rateLimited": "acme.rate_limited",
    "rejectedIdentifier": "acme.rejected_identifier",
    "serverInternal": "acme.server_error",
    "tls": "acme.connection",
    "unauthorized": "acme.unauthorized",
    "unsupportedContact": "acme.bad_contact",
    "unsupportedIdentifier": "acme.rejected_identifier",
    "userActionRequired": "acme.user_action",
}

_KINDS = {
    "bad_eab": "acme.bad_eab",
    "capacity": "acme.dns_capacity",
    "delegation": "acme.dns_delegation",
    "hook": "acme.dns_hook",
    "interrupted": "acme.interrupted",
    "malformed": "acme.malformed",
    "network": "acme.unreachable",
    "plugin_missing": "acme.plugin_missing",
    "profile": "acme.profile",
    "refused_url": "acme.url_refused",
    "timeout": "acme.timeout",
    "tls": "acme.untrusted",
    "unsupported_challenge": "acme.challenge_unsupported",
}

# What DNS plugins say, tried in this order on exception names and text. Response codes of DNS are
# upper case: a connection that is "refused" is another thing than an update that is REFUSED.
_STAGES = {"see": "acme.dns_not_served", "remove": "acme.dns_not_removed"}

_DNS_WORDS: tuple[tuple[str, str], ...] = (
    (
        r"(?i:time(d ?)?out|ConnectionError|ConnectTimeout|ReadTimeout|EndpointConnection"
        r"|network error|connection ?(refused|reset)|unreachable|throttl|rate.?limit|no such host"
        r"|(name|hostname)[^:]*not known|name resolution|getaddrinfo|ProxyError"
        r"|(code:|status|HTTP) ?(429|5\d\d)\b)"
        r"|\b(OSError|EOFError|SERVFAIL)\b",
        "acme.dns_unreachable",
    ),
    (
        r"Unable to (determine (base domain|zone_id)|find a Route53 hosted zone)|\bNOTZONE\b"
        r"|could not find the start of authority|(?i:zone( id)? (was )?not found|no such zone)",
        "acme.dns_zone",
    ),
    (
        r"\b(NOTAUTH|BADKEY|BADSIG|REFUSED)\b|BadSignature|BadKey|peer didn't know"
        r"|InvalidClientTokenId|SignatureDoesNotMatch|AccessDenied|UnrecognizedClient|ExpiredToken"
        r"|NoCredentials|(?i:credentials|authentication|unauthorized|forbidden)|\b40[13]\b",
        "acme.dns_credentials",
    ),
)


def to_error(problem: Mapping[str, Any], *, operation: str) -> CertMateError:
    """The error that this problem is, naming the identifiers and what the CA said about each."""
    said = [p for p in problem.get("identifiers") or () if isinstance(p, Mapping)]
    code = _code(problem, said, operation)
    identifiers = {clean(p.get("identifier", ""), 255): clean(p.get("detail", "")) for p in said}
    return FAILURES[code].error(
        _detail(code, problem, identifiers),
        code=code,
        retry_after=_retry_after(problem.get("retry_after")),
        identifiers=identifiers,
    )


def _code(problem: Mapping[str, Any], said: Sequence[Mapping[str, Any]], operation: str) -> str:
    kind = problem.get("kind")
    if kind in ("acme", "authorization") and said:
        return _worst([code_of_type(p, operation, problem) for p in said])
    if kind == "acme":
        return code_of_type(problem, operation, problem)
    if kind == "authorization":
        return "acme.unauthorized"
    if kind == "http":
        return "acme.server_error" if int(problem.get("status") or 0) >= 500 else "acme.malformed"
    if kind == "dns":
        return _STAGES.get(str(problem.get("stage")), "") or _dns_code(problem)
    return _KINDS.get(str(kind), "acme.unexpected")


def _dns_code(problem: Mapping[str, Any]) -> str:
    words = f"{' '.join(problem.get('chain') or ())} {problem.get('detail', '')}"
    matches = (code for pattern, code in _DNS_WORDS if re.search(pattern, words))
    return next(matches, "acme.dns_plugin")


def code_of_type(said: Mapping[str, Any], operation: str, problem: Mapping[str, Any]) -> str:
    """The code for one problem document or one identifier's part of it."""
    kind = str(said.get("type") or "").removeprefix(_URN)
    if operation == "register" and kind in ("unauthorized", "malformed"):
        return "acme.bad_eab" if problem.get("with_eab") else "acme.account_refused"
    if operation == "revoke" and kind == "unauthorized":
        return "acme.revoke_refused"
    # We did publish the record, so that the CA asked too early, elsewhere, or an older copy.
    if kind in ("unauthorized", "incorrectResponse") and said.get("challenge") == "dns-01":
        return "acme.dns_not_visible"
    return _TYPES.get(kind, "acme.rejected")


def _worst(codes: list[str]) -> str:
    """Trying again is of use only if it is for every name."""
    permanent = [code for code in codes if not FAILURES[code].error.retryable]
    return (permanent or codes)[0]


def _detail(code: str, problem: Mapping[str, Any], identifiers: Mapping[str, str]) -> str:
    parts = [FAILURES[code].summary]
    if identifiers:
        parts += [f"{name}: {words}" if words else name for name, words in identifiers.items()]
        return clean(" ".join(part if part.endswith(".") else f"{part}." for part in parts), 2000)
    words = clean(problem.get("detail") or problem.get("package") or "")
    # Where a certificate needs several DNS accounts, the one that it is about.
    about = f"{clean(problem['account'], 100)}:" if problem.get("account") else ""
    return " ".join(filter(None, (parts[0], about, words)))


def clean(words: object, longest: int = _LONGEST_DETAIL) -> str:
    """Foreign words as one line of printable text of bounded length."""
    # Not printable: control characters, and the marks that reorder text on a screen.
    text = "".join(c if c.isprintable() else " " for c in str(words or ""))
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _retry_after(seconds: object) -> timedelta | None:
    if not isinstance(seconds, int | float) or seconds <= 0:
        return None
    return min(timedelta(seconds=min(seconds, 10**8)), _LONGEST_WAIT)
