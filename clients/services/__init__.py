"""What can be done to identities, client certificates, enrolments and batches: one function per
verb, for every surface.
"""

from clients.services.archives import stream_batch
from clients.services.batches import cancel_batch, create_batch
from clients.services.certificates import (
    delete_client_certificate,
    request_client_certificate,
    update_client_certificate,
    upload_client_certificate,
)
from clients.services.checking import BatchInvalid
from clients.services.downloads import load_client_bundle
from clients.services.enrolling import (
    approve_enrolment,
    create_csr,
    may_decide,
    reject_enrolment,
    submit_csr,
)
from clients.services.identities import create_identity, delete_identity, update_identity
from clients.services.renewing import (
    release_client_certificate,
    renew_client_certificate,
    revoke_client_certificate,
)
from clients.services.wishes import RESERVED, ClientWish

__all__ = [
    "RESERVED",
    "BatchInvalid",
    "ClientWish",
    "approve_enrolment",
    "cancel_batch",
    "create_batch",
    "create_csr",
    "create_identity",
    "delete_client_certificate",
    "delete_identity",
    "load_client_bundle",
    "may_decide",
    "reject_enrolment",
    "release_client_certificate",
    "renew_client_certificate",
    "request_client_certificate",
    "revoke_client_certificate",
    "stream_batch",
    "submit_csr",
    "update_client_certificate",
    "update_identity",
    "upload_client_certificate",
]
