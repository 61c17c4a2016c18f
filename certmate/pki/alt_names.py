"""Subject alternative names (RFC 5280 §4.2.1.6) that a private authority may certify.

Which of them it does certify is its profile's to say: here internal names are as good as others.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from cryptography import x509

from certmate.pki.errors import PKIError
from certmate.pki.names import MAX_NAMES, parse_address, parse_name, shown

MAX_EMAIL = 254
"""RFC 5321 §4.5.3.1: a path has 256 octets, with its angle brackets."""

MAX_URI = 2048

# RFC 5322 §3.2.3, the dot-atom: quoted local parts are read differently by nearly everybody.
_LOCAL_PART = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.ASCII
)
_MAX_LOCAL_PART = 64
# RFC 3986 §3, without user information. The groups: scheme, host, port, all the rest.
_CHARACTER = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})"
_URI = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]*)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?"
    rf"((?:/{_CHARACTER}*)?(?:\?(?:{_CHARACTER}|\?)*)?(?:#(?:{_CHARACTER}|\?)*)?)",
    re.ASCII,
)
# RFC 8141 §2.
_URN = re.compile(rf"[Uu][Rr][Nn]:([A-Za-z0-9][A-Za-z0-9-]{{0,30}}[A-Za-z0-9]):({_CHARACTER}+)")
_DOT = re.compile("%2e", re.IGNORECASE)
_MAX_PORT = 65535


@dataclass(frozen=True)
class AltNames:
    """The names of each kind in their one form, each once."""

    dns: tuple[str, ...] = ()
    ip: tuple[str, ...] = ()
    email: tuple[str, ...] = ()
    uri: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.all()

    def all(self) -> tuple[str, ...]:
        """Every name, whatever its kind."""
        return self.dns + self.ip + self.email + self.uri

    def as_dict(self) -> dict[str, list[str]]:
        """The kinds that there are."""
        kinds = {"dns": self.dns, "ip": self.ip, "email": self.email, "uri": self.uri}
        return {kind: list(names) for kind, names in kinds.items() if names}

    def general_names(self) -> list[x509.GeneralName]:
        """What stands in the extension."""
        return [
            *map(x509.DNSName, self.dns),
            *(x509.IPAddress(ip_address(address)) for address in self.ip),
            *map(x509.RFC822Name, self.email),
            *map(x509.UniformResourceIdentifier, self.uri),
        ]


def parse_alt_names(
    dns: Iterable[str] = (),
    ip: Iterable[str] = (),
    email: Iterable[str] = (),
    uri: Iterable[str] = (),
) -> AltNames:
    """The names that a person or a CSR wrote, in their one form.

    Raises PKIError (`san.invalid`, `name.*`), with `san.dns` and so on as field.
    """
    found: list[tuple[str, ...]] = []
    count = 0
    for kind, texts in zip(_PARSERS, (dns, ip, email, uri), strict=True):
        found.append(_parse_all(kind, texts, MAX_NAMES - count))
        count += len(found[-1])
    return AltNames(*found)


def _parse_all(kind: str, texts: Iterable[str], room: int) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for text in dict.fromkeys(texts):
        try:
            names[_PARSERS[kind](text)] = None
        except PKIError as error:
            raise PKIError(error.detail, code=error.code, field=f"san.{kind}") from None
        # Inside the loop, so that a list of a million names costs no more than a hundred.
        if len(names) > room:
            raise PKIError(
                f"A certificate carries at most {MAX_NAMES} names.",
                code="name.too_many",
                field=f"san.{kind}",
            )
    return tuple(names)


def from_general_names(names: Iterable[x509.GeneralName]) -> AltNames:
    """The names of somebody's CSR. Raises PKIError as `parse_alt_names` does, and `san.type`."""
    found: dict[str, list[str]] = {kind: [] for kind in _PARSERS}
    for name in names:
        found[_kind(name)].append(str(name.value))
    return parse_alt_names(**found)


def _kind(name: x509.GeneralName) -> str:
    for kind, general_name in _GENERAL_NAMES.items():
        if isinstance(name, general_name):
            return kind
    raise PKIError(
        "Alternative names are DNS names, IP addresses, e-mail addresses and URIs only.",
        code="san.type",
        field="san",
    )


def _dns(text: str) -> str:
    name = parse_name(text, public=False)
    if name.kind == "ip":
        raise PKIError(f"{name.value} is an IP address, no DNS name.", code="san.invalid")
    return name.value


def _ip(text: str) -> str:
    address = parse_address(text)
    if address is None:
        raise PKIError(f"{shown(text)} is not the IP address of one host.", code="san.invalid")
    return address


def _email(text: str) -> str:
    """RFC 5280 §4.2.1.6: the addr-spec alone, `local@domain`, the domain without regard to case."""
    local, _, domain = text.partition("@") if len(text) <= MAX_EMAIL else ("", "", "")
    if not _LOCAL_PART.fullmatch(local) or len(local) > _MAX_LOCAL_PART:
        raise PKIError(
            f"{shown(text)} is not an e-mail address such as jane@example.org.",
            code="san.invalid",
        )
    address = f"{local}@{_host(domain)}"
    if len(address) > MAX_EMAIL:
        raise PKIError(f"{shown(text)} is longer than {MAX_EMAIL} characters.", code="san.invalid")
    return address


def _host(text: str) -> str:
    name = parse_name(text, public=False)
    if name.kind == "ip" or name.wildcard:
        raise PKIError(f"{shown(text)} is not the name of one host.", code="san.invalid")
    return name.value


def _uri(text: str) -> str:
    """RFC 5280 §4.2.1.6: absolute, with a host. A URN has none and is a name all the same."""
    if len(text) <= MAX_URI and (urn := _URN.fullmatch(text)):
        # RFC 8141 §3.1: the case of the rest counts.
        return f"urn:{urn[1].lower()}:{urn[2]}"
    found = _URI.fullmatch(text) if len(text) <= MAX_URI else None
    if found is None:
        # User information is a password now and then.
        rest = shown(text.rpartition("@")[2])
        raise PKIError(
            f"{rest} is not an absolute URI in ASCII with a host and without user information, "
            f"of at most {MAX_URI} characters.",
            code="san.invalid",
        )
    scheme, host, port, rest = found.groups(default="")
    if int(port[1:] or 0) > _MAX_PORT:
        raise PKIError(f"{shown(text)} has no port below 65536.", code="san.invalid")
    if not {".", ".."}.isdisjoint(re.split("[/?#]", _DOT.sub(".", rest))):
        # RFC 3986 §5.2.4: a reader that removes them sees another place than a pattern did.
        raise PKIError(f"{shown(text)} has dot segments in its path.", code="san.invalid")
    return f"{scheme.lower()}://{_uri_host(host)}{port}{rest}"


def _uri_host(host: str) -> str:
    if host.startswith("["):
        address = parse_address(host[1:-1])
        if address is None or ":" not in address:
            raise PKIError(f"{shown(host)} is not an IPv6 address.", code="san.invalid")
        return f"[{address}]"
    return parse_name(host, public=False).value


_PARSERS = {"dns": _dns, "ip": _ip, "email": _email, "uri": _uri}
_GENERAL_NAMES: dict[str, type[x509.GeneralName]] = {
    "dns": x509.DNSName,
    "ip": x509.IPAddress,
    "email": x509.RFC822Name,
    "uri": x509.UniformResourceIdentifier,
}
