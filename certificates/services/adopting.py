"""Server certificates taken up from a storage target, where no table knows them.

What is there is kept, watched and renewed from then on as if it had been issued here.
"""

from collections.abc import Collection
from dataclasses import replace

from django.db import transaction

from certificates.choices import CertificateState, ChallengeType
from certificates.following import follow
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
from certmate.core.errors import Conflict, InvalidRequest
from certmate.pki.bundle import Bundle
from certmate.pki.inspect import describe_certificate, load_certificate
from certmate.pki.keys import key_type_of
from providers.models import Authority, CAAccount, DNSAccount, LedgerEntry
from providers.services import adopt_entry
from storage.adopting import Found, require_no_rule, text_of

_SPELT_BY_2 = {
    ("letsencrypt", True): "letsencrypt-staging",
    ("letsencrypt_staging", True): "letsencrypt-staging",
    ("private_ca", False): "acme",
}
_UNNAMED_BY_2 = (None, "", "default")


def known(fingerprints: Collection[str]) -> set[str]:
    """Those of the fingerprints that are of a version."""
    rows = Version.objects.filter(fingerprint__in=fingerprints)
    return set(rows.values_list("fingerprint", flat=True))


def adopt(actor: Actor, found: Found) -> None:
    """Take the versions up: of a certificate that is here and has them at this target, or of a new
    one that its metadata describes.

    Raises InvalidRequest (`storage.issuer`) if it is from nobody who is here, Conflict
    (`storage.elsewhere`, `order.open`, `storage.approval_rule`), AccessDenied.
    """
    certificate = Certificate.objects.filter(name=found.ref.name).first()
    if certificate is None:
        certificate = _new(actor, found)
    else:
        _require_fit(actor, certificate, found)
    with transaction.atomic():
        if certificate._state.adding:
            certificate.save()
        certificate = lock(certificate)
        versions = [_version(certificate, found, bundle) for bundle in found.versions]
        current = Version.objects.filter(certificate=certificate, fingerprint=found.current).first()
        if current is not None:
            _make_current(certificate, current)
        told = [version.number for version in versions]
        record(certificate, "certificate.adopted", storage=found.target.name, versions=told)


def _new(actor: Actor, found: Found) -> Certificate:
    wanted = resolve(actor, _request(actor, found.versions[-1], found.issuer))
    certificate = Certificate(
        **wanted, name=found.ref.name, storage_target=found.target, created_by=actor.user
    )
    policy.require(actor, Verb.REQUEST, certificate)
    certificate.full_clean(validate_unique=False)
    require_no_rule(certificate)
    return certificate


def _require_fit(actor: Actor, certificate: Certificate, found: Found) -> None:
    policy.require(actor, Verb.CHANGE, certificate)
    if certificate.storage_target_id != found.target.pk:
        raise Conflict(
            f"The certificate of this name has its bundles at {certificate.storage_target}.",
            code="storage.elsewhere",
        )
    if certificate.orders.open().exists():
        raise open_order_conflict(certificate)
    for bundle in found.versions:
        if set(describe_certificate(bundle.cert).names) != set(certificate.names):
            raise Conflict(
                "The certificate of this name is for other names than this version of it.",
                code="storage.elsewhere",
            )


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
    if provider == AUTHORITY and authorities.filter(name=name).exists():
        return replace(request, authority=name, profile=text_of(bundle, "profile"))
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
        f"It is from {provider or 'an unknown CA'}, account {name or 'unknown'}, which is not "
        "here. Add that, or name another as `issuer` and rebuild again.",
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


def _version(certificate: Certificate, found: Found, bundle: Bundle) -> Version:
    facts = describe_certificate(bundle.cert)
    numbers = certificate.versions.order_by("-number").values_list("number", flat=True)
    return Version.objects.create(
        certificate=certificate,
        number=(numbers.first() or 0) + 1,
        ca_account=certificate.ca_account,
        authority=certificate.authority,
        entry=_entry(certificate, bundle),
        storage_target=found.target,
        names=list(facts.names),
        serial=facts.serial,
        fingerprint=facts.fingerprint,
        issuer=facts.issuer[:500],
        not_before=facts.not_before,
        not_after=facts.not_after,
        key_algorithm=facts.key.algorithm,
        key_size=facts.key.size,
        public_key_hash=facts.key.spki_sha256,
        has_private_key=bundle.privkey is not None,
        cert=bundle.cert,
        chain=bundle.chain,
        stored_at=clock.now(),
    )


def _entry(certificate: Certificate, bundle: Bundle) -> LedgerEntry | None:
    """The authority's line, new or old."""
    if certificate.authority is None or certificate.profile is None:
        return None
    holder, profile = f"server/{certificate.name}", certificate.profile.name
    entry: LedgerEntry = adopt_entry(
        certificate.authority, bundle.cert, holder=holder, profile=profile
    )
    return entry


def _make_current(certificate: Certificate, version: Version) -> None:
    """As it is at the target; what the ledger says of it counts here too."""
    certificate.current_version = version
    certificate.state = CertificateState.ACTIVE
    set_renewal(certificate, version)
    certificate.save()
    revocation = getattr(version.entry, "revocation", None)
    if version.entry is not None and revocation is not None:
        follow(version.entry, revocation)
