"""Versions: an older one made current again, and bundles handed out."""

from contextlib import suppress

from django.db import transaction

from certificates.choices import CertificateState
from certificates.models import Certificate, Version
from certificates.services.asking import ask
from certificates.services.certificates import lock, set_renewal
from certificates.services.placing import open_order_conflict
from certificates.services.rights import require_names
from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb
from certmate.audit.services import record
from certmate.core import clock
from certmate.core.errors import Conflict, NotFound
from certmate.pki.bundle import Bundle
from storage import services as storage
from storage.backends.base import BundleRef
from storage.models import StorageTarget


def activate_version(*, actor: Actor, certificate: Certificate, number: int) -> Version:
    """Make an older version the current one, at its storage target and here.

    Raises Conflict for one that is revoked or expired, or was never stored.
    """
    policy.require(actor, Verb.CHANGE, certificate)
    version = certificate.versions.select_related("storage_target").filter(number=number).first()
    if version is None:
        raise NotFound(f"{certificate.name} has no version {number}.", code="version.unknown")
    require_names(actor, version)
    _require_usable(certificate, version)
    ref = BundleRef("server", certificate.name)
    bundle = storage.load(target=version.storage_target, ref=ref, fingerprint=version.fingerprint)
    storage.store(target=version.storage_target, ref=ref, bundle=bundle)
    with transaction.atomic():
        certificate = lock(certificate)
        # Again: it may have been revoked while its bundle was fetched.
        version.refresh_from_db()
        _require_usable(certificate, version)
        certificate.current_version = version
        certificate.state = CertificateState.ACTIVE
        set_renewal(certificate, version)
        certificate.save()
        record(certificate, "version.activated", version=number)
    settle(certificate, version.storage_target)
    return version


def settle(certificate: Certificate, target: StorageTarget, last: Version | None = None) -> None:
    """Have the version current at the target that shall be, where `last` came to it as the last one
    as far as is known: whoever else stood still for long may have put another one there.

    Who puts a version looks here after that, and who makes one current by its row does too; of
    both the later one sees what the other has done.
    """
    while (wanted := _wanted(certificate, target)) is not None:
        version, bundle = wanted
        if version == last:
            return
        ref = BundleRef("server", certificate.name)
        storage.store(target=target, ref=ref, bundle=bundle)
        last = version


def _wanted(certificate: Certificate, target: StorageTarget) -> tuple[Version, Bundle] | None:
    """What shall be current at the target, as far as it is there: the version of an order that is
    being carried out, which has only to be noted down, or else the certificate's.
    """
    versions = Version.objects.filter(certificate=certificate, storage_target=target)
    of_orders = versions.filter(order__in=certificate.orders.open())
    current = Certificate.objects.filter(pk=certificate.pk).values("current_version")
    ref = BundleRef("server", certificate.name)
    for version in (*of_orders, *versions.filter(pk__in=current)):
        with suppress(NotFound):
            # What is not there yet is put there after this.
            return version, storage.load(target=target, ref=ref, fingerprint=version.fingerprint)
    return None


def _require_usable(certificate: Certificate, version: Version) -> None:
    if certificate.orders.open().exists():
        raise open_order_conflict(certificate)
    ended = version.revoked_at is not None or version.not_after <= clock.now()
    if ended or version.stored_at is None:
        raise Conflict(
            f"Version {version.number} is revoked, expired or not stored.", code="version.unusable"
        )


def load_bundle(*, actor: Actor, certificate: Certificate, include_private: bool) -> Bundle:
    """The current version's bundle from where it is stored, and a line in the audit log.

    The line about a private key is written before the key is read. Raises NotFound before the first
    issuance, AccessDenied for a key that the actor may not export.
    """
    policy.require(actor, Verb.EXPORT_KEY if include_private else Verb.DOWNLOAD, certificate)
    version = certificate.current_version
    if version is None or version.stored_at is None:
        raise NotFound(f"{certificate.name} was not issued yet.", code="certificate.not_issued")
    require_names(actor, version)
    if not include_private:
        record(certificate, "certificate.downloaded", version=version.number)
        return Bundle(cert=version.cert, chain=version.chain, privkey=None, metadata={})
    permit = ask(actor, Verb.EXPORT_KEY, certificate, "export_key", version=version.number)
    with transaction.atomic():
        permit.use()
        record(certificate, "key.exported", version=version.number)
    ref = BundleRef("server", certificate.name)
    bundle = storage.load(target=version.storage_target, ref=ref, fingerprint=version.fingerprint)
    if bundle.privkey is None:
        raise NotFound("Its private key is not here: the CSR was brought along.", code="key.absent")
    return bundle
