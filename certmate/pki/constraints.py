"""Name constraints of CAs (RFC 5280 §4.2.1.10): made from what an operator says, and obeyed.

Verifiers enforce them; an authority that signed against its own would only hand out certificates
that nobody accepts.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from cryptography import x509

from certmate.pki.alt_names import AltNames, parse_alt_names
from certmate.pki.errors import PKIError

KINDS = ("dns", "ip", "email", "uri")
SIDES = ("permitted", "excluded")
MOST = 100

Constraints = Mapping[str, Mapping[str, Sequence[str]]]
"""`{"permitted": {"dns": [...], "ip": [...], "email": [...], "uri": [...]}, "excluded": {...}}`."""

_HOST_LIKE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+", re.ASCII | re.IGNORECASE)


def parse_constraints(
    given: Mapping[str, Mapping[str, Iterable[str]]],
) -> dict[str, dict[str, list[str]]]:
    """The constraints in their one form. Raises PKIError (`authority.constraints`)."""
    found: dict[str, dict[str, list[str]]] = {}
    for side in SIDES:
        kinds = {
            kind: list(dict.fromkeys(_parsed(side, kind, text) for text in given[side][kind]))
            for kind in KINDS
            if given.get(side, {}).get(kind)
        }
        if sum(map(len, kinds.values())) > MOST:
            raise _wrong(f"{side}_dns", f"At most {MOST} constraints.")
        if kinds:
            found[side] = kinds
    return found


def to_extension(constraints: Constraints) -> x509.NameConstraints | None:
    """None if nothing is constrained, because RFC 5280 forbids an empty extension."""
    if not constraints:
        return None
    permitted, excluded = (_general_names(constraints.get(side, {})) for side in SIDES)
    return x509.NameConstraints(permitted or None, excluded or None)


def from_extension(extension: x509.NameConstraints) -> dict[str, dict[str, list[str]]]:
    """Those of an imported CA, of the kinds that are known here."""
    sides = {"permitted": extension.permitted_subtrees, "excluded": extension.excluded_subtrees}
    return {side: kinds for side, trees in sides.items() if (kinds := _by_kind(trees or ()))}


def first_violation(
    constraints: Constraints, names: AltNames, common_name: str = ""
) -> tuple[str, str] | None:
    """Kind and text of the first name that the constraints forbid.

    A common name that looks like a host counts as a DNS name where there is none, as in OpenSSL.
    """
    checked = {kind: list(getattr(names, kind)) for kind in KINDS}
    if not names.dns and _HOST_LIKE.fullmatch(common_name):
        checked["dns"].append(common_name.lower())
    for kind, texts in checked.items():
        permitted = constraints.get("permitted", {}).get(kind, ())
        excluded = constraints.get("excluded", {}).get(kind, ())
        for text in texts:
            is_inside = not permitted or any(_within(kind, tree, text) for tree in permitted)
            if not is_inside or any(_overlaps(kind, tree, text) for tree in excluded):
                return kind, text
    return None


def _within(kind: str, tree: str, name: str) -> bool:
    if kind == "ip":
        return ip_address(name) in ip_network(tree)
    if not tree:
        return True
    if kind == "dns" and tree.startswith("."):
        # Not of RFC 5280, but CAs have it: one label or more before it, as in OpenSSL.
        return name.endswith(tree)
    if kind == "dns":
        # RFC 5280: adding labels to the left side satisfies the constraint.
        base = name.removeprefix("*.")
        return base == tree or base.endswith(f".{tree}")
    if kind == "email" and "@" in tree:
        return name == tree
    host = name.rpartition("@")[2] if kind == "email" else (urlsplit(name).hostname or "")
    return host.endswith(tree) if tree.startswith(".") else host == tree


def _overlaps(kind: str, tree: str, name: str) -> bool:
    """As `_within`; a wildcard also stands for the names below it that are excluded."""
    is_above = name.startswith("*.") and tree.endswith(name[1:])
    return _within(kind, tree, name) or is_above


def _parsed(side: str, kind: str, text: str) -> str:
    try:
        if kind == "ip":
            return str(ip_network(text.strip()))
        dot = "." if text.startswith(".") and kind in ("email", "uri") else ""
        if kind == "email" and "@" in text:
            return parse_alt_names(email=[text]).email[0]
        (name,) = parse_alt_names(dns=[text.strip().removeprefix(".")]).dns
    except (PKIError, ValueError, AttributeError) as error:
        raise _wrong(f"{side}_{kind}", f"{str(text)[:80]!r} is no constraint: {error}") from error
    if name.startswith("*."):
        raise _wrong(f"{side}_{kind}", f"Write {name[2:]}: it is for all names below as well.")
    return dot + name


def _general_names(kinds: Mapping[str, Sequence[str]]) -> list[x509.GeneralName]:
    made: list[x509.GeneralName] = []
    made += [x509.DNSName(text) for text in kinds.get("dns", ())]
    made += [x509.IPAddress(ip_network(text)) for text in kinds.get("ip", ())]
    made += [x509.RFC822Name(text) for text in kinds.get("email", ())]
    made += [x509.UniformResourceIdentifier(text) for text in kinds.get("uri", ())]
    return made


def _by_kind(trees: Iterable[x509.GeneralName]) -> dict[str, list[str]]:
    types: dict[type, str] = {
        x509.DNSName: "dns",
        x509.IPAddress: "ip",
        x509.RFC822Name: "email",
        x509.UniformResourceIdentifier: "uri",
    }
    found: dict[str, list[str]] = {}
    for tree in trees:
        kind = types.get(type(tree))
        if kind is None:
            raise PKIError(
                "The CA's certificate has name constraints of a kind that is not known here.",
                code="authority.constraints",
                field="certificate",
            )
        found.setdefault(kind, []).append(str(tree.value).lower())
    return found


def _wrong(field: str, detail: str) -> PKIError:
    return PKIError(detail, code="authority.constraints", field=field)
