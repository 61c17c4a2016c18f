"""Which alternative names a profile allows: patterns, and what they match.

DNS: `*` for any, `*.example.com` for every name below, else the one name. IP: a network. E-mail: a
domain, or `*.example.com` for the domains below. URI: everything below `spiffe://example.com/*`, or
the one URI. `*` allows any of its kind.
"""

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address, ip_network

from certmate.pki.alt_names import AltNames, parse_alt_names
from certmate.pki.errors import PKIError

KINDS = ("dns", "ip", "email", "uri")
ANY = "*"
MOST = 100

Patterns = Mapping[str, Sequence[str]]
"""By kind; a kind that is missing, or has no pattern, is not allowed at all."""


def parse_patterns(given: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """The patterns in their one form. Raises PKIError (`profile.alt_names`)."""
    unknown = sorted(set(given) - set(KINDS))
    if unknown:
        raise _wrong(unknown[0][:40], f"The kinds of names are {', '.join(KINDS)}.")
    return {kind: _parsed(kind, given[kind]) for kind in KINDS if given.get(kind)}


def first_refused(names: AltNames, patterns: Patterns) -> tuple[str, str] | None:
    """Kind and text of the first name that no pattern allows."""
    for kind in KINDS:
        allowed = patterns.get(kind, ())
        if ANY in allowed:
            continue
        for name in getattr(names, kind):
            if not any(_matches(kind, pattern, name) for pattern in allowed):
                return kind, name
    return None


def _parsed(kind: str, patterns: Iterable[str]) -> list[str]:
    found: dict[str, None] = {}
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise _wrong(kind, "A pattern is a text.")
        found[pattern if pattern == ANY else _one(kind, pattern.strip())] = None
    if len(found) > MOST:
        raise _wrong(kind, f"At most {MOST} patterns.")
    return list(found)


def _one(kind: str, pattern: str) -> str:
    try:
        if kind == "ip":
            return str(ip_network(pattern))
        if kind == "email":
            below, domain = pattern.startswith("*."), pattern.removeprefix("*.")
            (address,) = parse_alt_names(email=[f"x@{domain}"]).email
            return ("*." if below else "") + address.removeprefix("x@")
        if kind == "uri":
            # Only whole path segments: https://example.com* would match example.com.evil.test.
            below, base = pattern.endswith("/*"), pattern.removesuffix("*")
            (uri,) = parse_alt_names(uri=[base]).uri
            return f"{uri}*" if below else uri
        (name,) = parse_alt_names(dns=[pattern]).dns
    except (PKIError, ValueError) as error:
        raise _wrong(kind, f"{pattern[:80]!r} is not a pattern: {error}") from error
    return name


def _matches(kind: str, pattern: str, name: str) -> bool:
    if kind == "ip":
        return ip_address(name) in ip_network(pattern)
    if kind == "uri":
        return name.startswith(pattern[:-1]) if pattern.endswith("/*") else name == pattern
    text = name.rpartition("@")[2] if kind == "email" else name
    return text.endswith(pattern[1:]) if pattern.startswith("*.") else text == pattern


def _wrong(kind: str, detail: str) -> PKIError:
    return PKIError(detail, code="profile.alt_names", field=f"alt_names.{kind}")
