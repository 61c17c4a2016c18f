"""What a private authority is asked to sign for a certificate, and whether it would."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from certificates.models import Certificate
from certificates.services.naming import by_kind, names_of
from certificates.services.request import CertificateRequest
from certmate.access.actors import Actor
from certmate.core.errors import InvalidRequest, invalid_input
from certmate.pki.keys import KeyType
from certmate.pki.names import parse_name
from certmate.pki.requests import parse_request
from providers import issuers
from providers.authority.building import Leaf, sample_spki
from providers.models import Authority, Profile
from providers.services import resolve_profile
from providers.services.profiles import LONGEST_DAYS

DEFAULT_PROFILE = "server"
LONGEST_COMMON_NAME = 64
"""RFC 5280 appendix A.1, ub-common-name."""


def wish(
    actor: Actor, request: CertificateRequest, current: Certificate | None, authority: Authority
) -> dict[str, Any]:
    """The fields of `Wanted` for a certificate of this authority. Raises InvalidRequest."""
    _refuse_proof(request)
    names, csr = names_of(request, current, public=False)
    key_type = request.key_type or (current.key_type if current else KeyType.EC256.value)
    if key_type not in list(KeyType):
        raise InvalidRequest(
            f"Must be one of: {', '.join(KeyType)}.", code="request.choice", field="key_type"
        )
    return {
        "names": [name.value for name in names],
        "ca_account": None,
        "authority": authority,
        "profile": _profile(actor, request, current),
        "validity_days": _validity_days(request, current),
        "ca_profile": "",
        "dns_account": None,
        "challenge_type": "",
        "key_type": key_type,
        "csr": csr,
    }


def require_signable(wanted: dict[str, Any], identifier: str) -> None:
    """Raise InvalidRequest, with the field of the request, for what the authority would refuse.

    It is drafted and not signed; where there is no key yet, one that nobody has stands for it.
    """
    authority, profile, csr = wanted["authority"], wanted["profile"], wanted["csr"]
    if authority is None:
        return
    leaf = leaf_for(
        names=wanted["names"],
        profile=profile,
        identifier=identifier,
        spki=parse_request(csr).spki if csr else sample_spki(KeyType(wanted["key_type"])),
        validity_days=wanted["validity_days"],
    )
    try:
        holder = holder_of(identifier)
        issuers.check_leaf(authority=authority, profile=profile, leaf=leaf, holder=holder)
    except InvalidRequest as error:
        field = _field(error.field, wanted)
        raise InvalidRequest(error.detail, code=error.code, field=field) from error


def holder_of(name: str) -> str:
    """What the ledger calls the certificate of this name."""
    return f"server/{name}"


def leaf_for(
    *,
    names: Sequence[str],
    profile: Profile,
    identifier: str,
    spki: bytes,
    validity_days: int | None,
) -> Leaf:
    """The certificate that the authority shall sign. Raises InvalidRequest (`name.*`).

    Clients look at the alternative names only (RFC 9525 §2); the common name is for people, and for
    programs that are older than that.
    """
    primary = parse_name(names[0], public=False)
    is_shown = primary.kind == "dns" and len(primary.value) <= LONGEST_COMMON_NAME
    with invalid_input("domain"):
        alt_names = by_kind(names)
    return Leaf(
        subject={"CN": primary.value} if is_shown and "CN" in profile.subject_fields else {},
        alt_names=alt_names,
        spki=spki,
        values={"identifier": identifier, "common_name": primary.value},
        validity=None if validity_days is None else timedelta(days=validity_days),
    )


def _refuse_proof(request: CertificateRequest) -> None:
    dns = {name: getattr(request, name) for name in ("dns", "dns_provider", "account_id")}
    for field, value in dns.items():
        if value:
            raise InvalidRequest(
                "A private authority asks for no proof, so it uses no DNS account.",
                code="dns.not_used",
                field=field,
            )
    if request.challenge_type:
        raise InvalidRequest(
            "A private authority asks for no proof of control; leave it out.",
            code="challenge.not_used",
            field="challenge_type",
        )


def _profile(actor: Actor, request: CertificateRequest, current: Certificate | None) -> Profile:
    kept = current.profile.name if current and current.profile else ""
    name = request.profile or kept or DEFAULT_PROFILE
    # The one that nobody has to name is for whoever may use the authority.
    chooser = Actor.system() if name == DEFAULT_PROFILE else actor
    found = resolve_profile(actor=chooser, name=name)
    if found.needs_approval:
        raise InvalidRequest(
            f"Each certificate under the profile {name} needs approval, and a certificate that is "
            "renewed by schedule has none. Choose another profile.",
            code="profile.needs_approval",
            field="profile",
        )
    return found


def _validity_days(request: CertificateRequest, current: Certificate | None) -> int | None:
    days = request.validity_days
    if days is None and current and not request.profile:
        return current.validity_days
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        raise InvalidRequest(
            f"1 to {LONGEST_DAYS} days.", code="profile.validity", field="validity_days"
        )
    return days


def _field(field: str, wanted: dict[str, Any]) -> str:
    """The field of the request behind that of the draft."""
    is_name = field.startswith(("san", "subject", "common_name"))
    if wanted["csr"] and (is_name or field == "key_type"):
        return "csr"
    if is_name:
        return "san_domains" if len(wanted["names"]) > 1 else "domain"
    return field
