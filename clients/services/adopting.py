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
from certmate.core.errors import CertMateError, InvalidRequest
from certmate.pki.bundle import Bundle
from certmate.pki.inspect import load_certificate
from certmate.pki.keys import key_type_of
from clients import renewal
from clients.choices import ClientState, Method
from clients.following import follow
from clients.models import ClientCertificate, ClientVersion
from clients.services.admitting import LOOKED_UP
from clients.services.certificates import foreign_version, lock, read_foreign
from clients.services.wishes import identifier_of
from providers.models import Authority
from providers.services import adopt_entry, line_of, resolve_profile
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


def known(fingerprints: Collection[str]) -> dict[str, list[Home]]:
    """Where the versions of these fingerprints are at home."""
    rows = ClientVersion.objects.filter(fingerprint__in=fingerprints)
    found: dict[str, list[Home]] = {}
    fields = ("fingerprint", "certificate__identifier", "storage_target")
    for fingerprint, name, target in rows.values_list(*fields):
        found.setdefault(fingerprint, []).append((name, target))
    return found


def adopt(actor: Actor, found: Found) -> list[CertMateError]:
    """Take the versions up: of a certificate that is here and has them at this target, or of a new
    one. Returns what is wrong with versions that are not current.

    Raises InvalidRequest (`storage.issuer`, `profile.unknown`, `client.reserved`), IntegrityFault
    (`ledger.*`), Conflict (`storage.elsewhere`, `storage.taken`, `storage.approval_rule`),
    AccessDenied.
    """
    rows = ClientCertificate.objects.filter(identifier=found.ref.name)
    certificate = rows.first() or _new(actor, found)
    is_new = certificate._state.adding
    if not is_new:
        policy.require(actor, Verb.CHANGE, certificate)
        require_home(certificate.storage_target, found)
    with transaction.atomic():
        if is_new:
            certificate.save()
        else:
            certificate = lock(certificate)
            require_unchanged(certificate.updated_at, found)
        taken = certificate
        told, faults = take_up(found, lambda bundle: _taken(taken, bundle, is_new=is_new))
        _make_current(certificate, found)
        record(certificate, "client_certificate.adopted", storage=found.target.name, versions=told)
    return faults


def _taken(certificate: ClientCertificate, bundle: Bundle, *, is_new: bool) -> int:
    """The ledger tells whose a version of an authority is; any other one has to say the same."""
    has_line = certificate.authority is not None and line_of(certificate.authority, bundle.cert)
    if not is_new and not has_line:
        facts, says = read_foreign(bundle.cert)
        before = certificate.current_version
        same = says.subject == certificate.subject and says.alt_names == certificate.alt_names
        if not same or (before is not None and facts.issuer[:500] != before.issuer):
            raise not_the_same()
    return _version(certificate, bundle).number


def _new(actor: Actor, found: Found) -> ClientCertificate:
    """Whose it is, an identity's or a team's, is not for the target to say."""
    bundle = found.versions[-1]
    _, says = read_foreign(bundle.cert)
    certificate = ClientCertificate(
        identifier=identifier_of(found.ref.name, ""),
        storage_target=found.target,
        common_name=says.subject.get("CN", "")[:64],
        subject=says.subject,
        alt_names=says.alt_names,
        created_by=actor.user,
        **_issuer(actor, bundle, found),
    )
    policy.require(actor, Verb.REQUEST, certificate)
    certificate.clean_fields(exclude=LOOKED_UP)
    require_no_rule(certificate)
    return certificate


def _issuer(actor: Actor, bundle: Bundle, found: Found) -> dict[str, Any]:
    """How it came about: by the authority that the metadata names, if the actor may use it."""
    name = text_of(bundle, "authority")
    every = Authority.objects.filter(name=name)
    authority = policy.visible(actor, every).first()
    if authority is None and every.exists():
        raise InvalidRequest(
            "It is from an authority that you may not use.", code="storage.issuer", field="issuer"
        )
    if authority is None:
        return {"method": Method.MANUAL, "certificate_type": "client", "auto_renew": False}
    line = line_of(authority, bundle.cert)
    profile = resolve_profile(
        actor=actor, name=line.profile if line is not None else text_of(bundle, "profile")
    )
    key_type = key_type_of(load_certificate(bundle.cert).public_key())
    has_key = bundle.privkey is not None
    return {
        "authority": authority,
        "profile": profile,
        "certificate_type": profile.certificate_type,
        "method": Method.DIRECT if has_key else Method.CSR,
        "key_type": key_type.value if key_type and has_key else "",
        "csr": bundle.csr,
        "auto_renew": found.auto_renew or line is not None,
    }


def _version(certificate: ClientCertificate, bundle: Bundle) -> ClientVersion:
    facts, _ = read_foreign(bundle.cert)
    numbers = certificate.versions.order_by("-number").values_list("number", flat=True)
    version = foreign_version(certificate, (numbers.first() or 0) + 1, facts, bundle)
    version.stored_at = clock.now()
    if certificate.authority is not None and certificate.profile is not None:
        version.entry = adopt_entry(
            certificate.authority,
            bundle.cert,
            holder=f"client/{certificate.identifier}",
            profile=certificate.profile.name,
            has_key=bundle.privkey is not None,
        )
        # The ledger has its bytes.
        version.cert = version.chain = ""
        revocation = getattr(version.entry, "revocation", None)
        version.revoked_at = revocation.revoked_at if revocation else None
        version.revocation_reason = revocation.reason if revocation else ""
    version.save(force_insert=True)
    return version


def _make_current(certificate: ClientCertificate, found: Found) -> None:
    """Have the version current that is so at the target, if it is another one than before."""
    version = certificate.versions.filter(fingerprint=found.current).first()
    if version is None or certificate.current_version_id == version.pk:
        return
    certificate.current_version = version
    certificate.state = ClientState.ACTIVE
    renewal.schedule(certificate, version)
    certificate.save()
    revocation = getattr(version.entry, "revocation", None)
    if version.entry is not None and revocation is not None:
        follow(version.entry, revocation)
