"""Bundles of client certificates handed out, and a line in the audit log about each."""

from django.db import transaction

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb
from certmate.audit.services import record
from certmate.core.errors import NotFound
from certmate.pki.bundle import Bundle
from clients import storing
from clients.models import ClientCertificate
from clients.services.asking import ask
from storage import services as storage


def load_client_bundle(
    *, actor: Actor, certificate: ClientCertificate, include_private: bool
) -> Bundle:
    """The current version's bundle, with its key from where that is stored.

    The line about a private key is written before the key is read. Raises NotFound before the first
    issuance, AccessDenied for a key that the actor may not export.
    """
    policy.require(actor, Verb.EXPORT_KEY if include_private else Verb.DOWNLOAD, certificate)
    version = certificate.current_version
    if version is None:
        raise NotFound(f"{certificate} was not issued yet.", code="certificate.not_issued")
    if not include_private:
        with transaction.atomic():
            record(certificate, "client_certificate.downloaded", version=version.number)
        cert, chain = storing.files_of(version)
        return Bundle(cert=cert, chain=chain, privkey=None, csr=certificate.csr)
    permit = ask(actor, Verb.EXPORT_KEY, certificate, "export_key", version=version.number)
    with transaction.atomic():
        permit.use()
        record(certificate, "key.exported", version=version.number)
    bundle = storage.load(
        target=version.storage_target,
        ref=storing.ref_of(certificate),
        fingerprint=version.fingerprint,
    )
    if bundle.privkey is None:
        raise NotFound("Its private key is not here: it was never ours.", code="key.absent")
    return bundle
