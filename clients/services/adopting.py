"""Client certificates taken up from a storage target, where no table knows them.

One that an authority here has signed is its own again, with a line in the ledger; any other one is
kept like one that was uploaded.
"""

from collections.abc import Collection
from typing import Any

from django.db import transaction

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb
from certmate.audit.services import record
from certmate.core import clock
from certmate.core.errors import Conflict
from certmate.pki.bundle import Bundle
from certmate.pki.inspect import load_certificate
from certmate.pki.keys import key_type_of
from clients import renewal
from clients.choices import ClientState, Method
from clients.following import follow
from clients.models import ClientCertificate, ClientVersion, Identity
from clients.services.admitting import LOOKED_UP
from clients.services.certificates import foreign_version, lock, read_foreign
from clients.services.wishes import identifier_of
from providers.models import Authority
from providers.services import adopt_entry, resolve_profile
from storage.adopting import Found, require_no_rule, text_of


def known(fingerprints: Collection[str]) -> set[str]:
    """Those of the fingerprints that are of a version."""
    rows = ClientVersion.objects.filter(fingerprint__in=fingerprints)
    return set(rows.values_list("fingerprint", flat=True))


def adopt(actor: Actor, found: Found) -> None:
    """Take the versions up: of a certificate that is here and has them at this target, or of a new
    one.

    Raises InvalidRequest (`profile.unknown`, `client.reserved`), IntegrityFault
    (`ledger.not_signed`), Conflict (`storage.elsewhere`, `storage.approval_rule`), AccessDenied.
    """
    rows = ClientCertificate.objects.filter(identifier=found.ref.name)
    certificate = rows.first() or _new(actor, found)
    if not certificate._state.adding:
        policy.require(actor, Verb.CHANGE, certificate)
        if certificate.storage_target_id != found.target.pk:
            raise Conflict(
                f"The certificate of this name has its bundles at {certificate.storage_target}.",
                code="storage.elsewhere",
            )
    with transaction.atomic():
        if certificate._state.adding:
            certificate.save()
        certificate = lock(certificate)
        versions = [_version(certificate, bundle) for bundle in found.versions]
        current = certificate.versions.filter(fingerprint=found.current).first()
        if current is not None:
            _make_current(certificate, current)
        told = [version.number for version in versions]
        record(certificate, "client_certificate.adopted", storage=found.target.name, versions=told)


def _new(actor: Actor, found: Found) -> ClientCertificate:
    bundle = found.versions[-1]
    _, says = read_foreign(bundle.cert)
    names = policy.visible(actor, Identity.objects.all())
    holder = names.filter(name=text_of(bundle, "identity")).first()
    certificate = ClientCertificate(
        identifier=identifier_of(found.ref.name, ""),
        identity=holder,
        team=holder.team if holder else None,
        storage_target=found.target,
        common_name=says.subject.get("CN", "")[:64],
        subject=says.subject,
        alt_names=says.alt_names,
        created_by=actor.user,
        **_issuer(actor, bundle),
    )
    policy.require(actor, Verb.REQUEST, certificate)
    certificate.clean_fields(exclude=LOOKED_UP)
    require_no_rule(certificate)
    return certificate


def _issuer(actor: Actor, bundle: Bundle) -> dict[str, Any]:
    """How it came about: by the authority that the metadata names, if the actor may use it."""
    authorities = policy.visible(actor, Authority.objects.all())
    authority = authorities.filter(name=text_of(bundle, "authority")).first()
    if authority is None:
        return {"method": Method.MANUAL, "certificate_type": "client", "auto_renew": False}
    profile = resolve_profile(actor=actor, name=text_of(bundle, "profile"))
    key_type = key_type_of(load_certificate(bundle.cert).public_key())
    is_ours = bundle.privkey is not None
    return {
        "authority": authority,
        "profile": profile,
        "certificate_type": profile.certificate_type,
        "method": Method.DIRECT if is_ours else Method.CSR,
        "key_type": key_type.value if key_type and is_ours else "",
        "csr": "" if is_ours else bundle.csr,
    }


def _version(certificate: ClientCertificate, bundle: Bundle) -> ClientVersion:
    facts, _ = read_foreign(bundle.cert)
    numbers = certificate.versions.order_by("-number").values_list("number", flat=True)
    version = foreign_version(certificate, (numbers.first() or 0) + 1, facts, bundle)
    version.stored_at = clock.now()
    if certificate.authority is not None and certificate.profile is not None:
        holder, profile = f"client/{certificate.identifier}", certificate.profile.name
        version.entry = adopt_entry(
            certificate.authority, bundle.cert, holder=holder, profile=profile
        )
        # The ledger has its bytes.
        version.cert = version.chain = ""
    version.save(force_insert=True)
    return version


def _make_current(certificate: ClientCertificate, version: ClientVersion) -> None:
    """As it is at the target; what the ledger says of it counts here too."""
    certificate.current_version = version
    certificate.state = ClientState.ACTIVE
    renewal.schedule(certificate, version)
    certificate.save()
    revocation = getattr(version.entry, "revocation", None)
    if version.entry is not None and revocation is not None:
        follow(version.entry, revocation)
