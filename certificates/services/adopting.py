"""Server certificates taken up from a storage target, where no table knows them.

What is there is kept, watched and renewed from then on as if it had been issued here.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from django.db import transaction

from certificates.choices import CertificateState, ChallengeType
from certificates.models import Certificate, Version
from certificates.services.certificates import lock, set_renewal
from certificates.services.metadata import AUTHORITY
from certificates.services.placing import open_order_conflict
from certificates.services.request import CertificateRequest
from certificates.services.wanted import resolve
from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb
from certmate.audit.services import record
from certmate.core import clock
from certmate.core.errors import CertMateError, InvalidRequest
from certmate.core.issued import version_fields
from certmate.pki.bundle import Bundle
from certmate.pki.inspect import describe_certificate, load_certificate
from certmate.pki.keys import key_type_of
from providers.models import Authority, CAAccount, DNSAccount
from providers.services import adopt_entry, line_of
from storage.adopting import (
    Found,
    Home,
    not_the_same,
    require_home,
    require_no_rule,
    require_unchanged,
    take_up,
    text_of,
)

_SPELT_BY_2 = {
    ("letsencrypt", True): "letsencrypt-staging",
    ("letsencrypt_staging", True): "letsencrypt-staging",
    ("private_ca", False): "acme",
}
_UNNAMED_BY_2 = (None, "", "default")


def known(fingerprints: Collection[str]) -> dict[str, list[Home]]:
    """Where the versions of these fingerprints are at home."""
    rows = Version.objects.filter(fingerprint__in=fingerprints)
    found = rows.values_list("fingerprint", "certificate__name", "storage_target")
    return {fingerprint: [(name, target)] for fingerprint, name, target in found}


def adopt(actor: Actor, found: Found) -> list[CertMateError]:
    """Take the versions up: of a certificate that is here and has them at this target, or of a new
    one that its metadata describes. Returns what is wrong with versions that are not current.

    What the ledger of an authority here has is renewed from then on, anything else only if the
    rebuild says so. Raises InvalidRequest (`storage.issuer`) if it is from nobody who is here,
    Conflict (`storage.elsewhere`, `storage.taken`, `order.open`, `storage.approval_rule`),
    IntegrityFault (`ledger.*`), AccessDenied.
    """
    certificate = Certificate.objects.filter(name=found.ref.name).first()
    if certificate is None:
        certificate = _new(actor, found)
    else:
        _require_fit(actor, certificate, found)
    with transaction.atomic():
        if certificate._state.adding:
            certificate.save()
        else:
            certificate = lock(certificate)
            require_unchanged(certificate.updated_at, found)
            if certificate.orders.open().exists():
                raise open_order_conflict(certificate)
        taken = certificate
        told, faults = take_up(found, lambda bundle: _version(actor, taken, found, bundle).number)
        _make_current(certificate, found)
        record(certificate, "certificate.adopted", storage=found.target.name, versions=told)
    return faults


def _new(actor: Actor, found: Found) -> Certificate:
    wanted = resolve(actor, _request(actor, found.versions[-1], found.issuer))
    authority = wanted["authority"]
    is_vouched_for = authority is not None and line_of(authority, found.versions[-1].cert)
    certificate = Certificate(
        **wanted,
        name=found.ref.name,
        storage_target=found.target,
        auto_renew=found.auto_renew or bool(is_vouched_for),
        created_by=actor.user,
    )
    policy.require(actor, Verb.REQUEST, certificate)
    certificate.full_clean(validate_unique=False)
    require_no_rule(certificate)
    return certificate


def _require_fit(actor: Actor, certificate: Certificate, found: Found) -> None:
    policy.require(actor, Verb.CHANGE, certificate)
    require_home(certificate.storage_target, found)
    current = next((one for one in found.versions if one.fingerprint == found.current), None)
    # What 2.x has left is of before this one, whatever it says; so may older versions be.
    if found.is_legacy or (current is not None and _differs(current, certificate)):
        raise not_the_same()


def _differs(bundle: Bundle, certificate: Certificate) -> bool:
    return set(describe_certificate(bundle.cert).names) != set(certificate.names)


def _request(actor: Actor, bundle: Bundle, issuer: str) -> CertificateRequest:
    names = describe_certificate(bundle.cert).names
    if not names:
        raise InvalidRequest("The certificate has no names.", code="storage.unfit")
    primary = text_of(bundle, "domain")
    first = primary if primary in names else names[0]
    others = [name for name in names if name != first]
    key_type = key_type_of(load_certificate(bundle.cert).public_key())
    request = CertificateRequest(
        domain=first,
        san_domains=others,
        key_type=key_type.value if key_type else None,
        csr=bundle.csr or None,
    )
    return _with_issuer(actor, request, bundle, issuer)


def _with_issuer(
    actor: Actor, request: CertificateRequest, bundle: Bundle, issuer: str
) -> CertificateRequest:
    """From the authority or CA account that the metadata names, if the actor may use it; else from
    `issuer`, which says one or the other.
    """
    provider, name = text_of(bundle, "ca_provider"), text_of(bundle, "ca_account_id")
    authorities = policy.visible(actor, Authority.objects.all())
    authority = authorities.filter(name=name).first() if provider == AUTHORITY else None
    if authority is not None:
        line = line_of(authority, bundle.cert)
        profile = line.profile if line is not None else text_of(bundle, "profile")
        return replace(request, authority=name, profile=profile)
    own = _own_account(actor, bundle)
    if own is not None:
        profile = text_of(bundle, "profile")
        request = replace(request, ca=own.name, ca_provider=own.provider)
        if profile in own.known_profiles:
            request = replace(request, profile=profile)
        return _with_proof(actor, request, bundle)
    if issuer and authorities.filter(name=issuer).exists():
        return replace(request, ca=issuer)
    if issuer:
        return _with_proof(actor, replace(request, ca=issuer), bundle)
    raise InvalidRequest(
        "The CA account or authority that it is from is not here. Add it under its old name, or "
        "name another as `issuer`, and rebuild again.",
        code="storage.issuer",
        field="issuer",
    )


def _own_account(actor: Actor, bundle: Bundle) -> CAAccount | None:
    """The account that the metadata names. CertMate 2.x often names the CA alone: then the only
    account there, if that is of the same kind; a trial is never renewed by production.
    """
    provider, name = text_of(bundle, "ca_provider"), text_of(bundle, "ca_account_id")
    is_staging = bool(bundle.metadata.get("staging"))
    provider = _SPELT_BY_2.get((provider, is_staging), provider)
    rows = policy.visible(actor, CAAccount.objects.filter(provider=provider))
    accounts = [account for account in rows if account.is_staging == is_staging]
    if bundle.metadata.get("ca_account_id") in _UNNAMED_BY_2 and len(accounts) == 1:
        return accounts[0]
    return next((account for account in accounts if account.name == name), None)


def _with_proof(actor: Actor, request: CertificateRequest, bundle: Bundle) -> CertificateRequest:
    """How control was proved; with a DNS account that is not here, the zones choose one later."""
    request = replace(request, challenge_type=text_of(bundle, "challenge_type"))
    provider, name = text_of(bundle, "dns_provider"), text_of(bundle, "account_id")
    accounts = policy.visible(actor, DNSAccount.objects.all())
    used = request.challenge_type != ChallengeType.HTTP_01
    if used and accounts.filter(provider=provider, name=name).exists():
        return replace(request, dns=name, dns_provider=provider)
    return request


def _version(actor: Actor, certificate: Certificate, found: Found, bundle: Bundle) -> Version:
    facts = describe_certificate(bundle.cert)
    numbers = certificate.versions.order_by("-number").values_list("number", flat=True)
    issued = _issued(actor, certificate, bundle)
    revocation = getattr(issued.get("entry"), "revocation", None)
    return Version.objects.create(
        certificate=certificate,
        number=(numbers.first() or 0) + 1,
        **issued,
        storage_target=found.target,
        names=list(facts.names),
        **version_fields(facts),
        has_private_key=bundle.privkey is not None,
        cert=bundle.cert,
        chain=bundle.chain,
        stored_at=clock.now(),
        revoked_at=revocation.revoked_at if revocation else None,
        revocation_reason=revocation.reason if revocation else "",
    )


def _issued(actor: Actor, certificate: Certificate, bundle: Bundle) -> dict[str, Any]:
    """By whom this version was issued: an earlier one may be from another CA, or an authority."""
    is_ours = text_of(bundle, "ca_provider") == AUTHORITY
    account = None if is_ours else _own_account(actor, bundle)
    authority = certificate.authority if account is None else None
    if is_ours:
        usable = policy.visible(actor, Authority.objects.all())
        named = usable.filter(name=text_of(bundle, "ca_account_id")).first()
        authority = named or authority
    if authority is None:
        return {"ca_account": account or certificate.ca_account}
    profile = certificate.profile.name if certificate.profile else text_of(bundle, "profile")
    entry = adopt_entry(
        authority,
        bundle.cert,
        holder=f"server/{certificate.name}",
        profile=profile[:64],
        has_key=bundle.privkey is not None,
    )
    return {"authority": authority, "entry": entry}


def _make_current(certificate: Certificate, found: Found) -> None:
    """Have the version current that is so at the target, if it is another one than before."""
    rows = Version.objects.filter(certificate=certificate)
    version = rows.filter(fingerprint=found.current).first()
    if version is None or certificate.current_version_id == version.pk:
        return
    due = certificate.renew_at
    certificate.current_version = version
    certificate.state = CertificateState.ACTIVE
    set_renewal(certificate, version)
    if due is not None and version.entry is None and not found.auto_renew:
        # Nobody vouches for it, so it puts no renewal off.
        certificate.renew_at = min(due, certificate.renew_at or due)
    if version.revoked_at is not None:
        certificate.state = CertificateState.REVOKED
        certificate.renew_at = certificate.renewal_poll_at = None
    certificate.save()
