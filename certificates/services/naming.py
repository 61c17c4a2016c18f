"""The names that are asked for, in the request and in a CSR that came with it.

For a public CA they are names of the Internet; a private authority certifies internal ones too.
"""

from collections.abc import Sequence

from certificates.models import Certificate
from certificates.services.request import CertificateRequest
from certmate.core.errors import InvalidRequest, invalid_input
from certmate.pki import csr as pki_csr
from certmate.pki.alt_names import AltNames, parse_alt_names
from certmate.pki.errors import PKIError
from certmate.pki.names import MAX_LENGTH, Name, parse_address, parse_name, parse_names
from certmate.pki.requests import parse_request


def names_of(
    request: CertificateRequest, current: Certificate | None, *, public: bool
) -> tuple[tuple[Name, ...], str]:
    """The names, the primary first, and the CSR ("" if there is none).

    Raises InvalidRequest (`name.*`, `csr.*`, `key.weak`).
    """
    before = list(current.names) if current else []
    domain = request.domain or (before[0] if before else "")
    sans = before[1:] if request.san_domains is None else list(request.san_domains)
    with invalid_input("san_domains" if request.san_domains else "domain"):
        names = parse_names(domain, sans) if public else _private(domain, sans)
    changed = request.domain is not None or request.san_domains is not None
    text = (
        request.csr if request.csr is not None else ("" if changed or not current else current.csr)
    )
    if not text:
        return names, ""
    with invalid_input("csr"):
        signed, pem = _signed(text) if public else _signed_privately(text)
    return _match(names, signed, exact=bool(request.san_domains)), pem


def by_kind(names: Sequence[str]) -> AltNames:
    """DNS names and IP addresses, which may be internal, by what they are. Raises PKIError."""
    kinds: dict[str, list[str]] = {"dns": [], "ip": []}
    for text in names:
        is_address = len(text) <= MAX_LENGTH and parse_address(text) is not None
        kinds["ip" if is_address else "dns"].append(text)
    try:
        return parse_alt_names(**kinds)
    except PKIError as error:
        # Without its field: the caller's input has no such part.
        raise PKIError(error.detail, code=error.code) from None


def _private(domain: str, sans: Sequence[str]) -> tuple[Name, ...]:
    primary = by_kind([domain]).all()
    found = dict.fromkeys((*primary, *by_kind([domain, *sans]).all()))
    return tuple(parse_name(name, public=False) for name in found)


def _signed(text: str) -> tuple[tuple[Name, ...], str]:
    parsed = pki_csr.parse(text)
    return parsed.names, parsed.pem


def _signed_privately(text: str) -> tuple[tuple[Name, ...], str]:
    parsed = parse_request(text)
    if parsed.alt_names.email or parsed.alt_names.uri:
        raise PKIError(
            "In the CSR: only DNS names and IP addresses can be requested.", code="csr.names"
        )
    # As old tools ask for a name.
    names = parsed.alt_names.all() or tuple(filter(None, [parsed.subject.get("CN")]))
    if not names:
        raise PKIError("The CSR has no names.", code="csr.names")
    return _private(names[0], names[1:]), parsed.pem


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
