"""What can be done to certificates, versions and orders: one function per verb, for every
surface.
"""

from certificates.services.certificates import (
    create_certificate,
    delete_certificate,
    set_auto_renew,
    update_certificate,
)
from certificates.services.orders import (
    cancel_order,
    reissue_certificate,
    renew_certificate,
    resume_certificate,
    retry_order,
    revoke_certificate,
)
from certificates.services.request import CertificateRequest
from certificates.services.versions import activate_version, load_bundle

__all__ = [
    "CertificateRequest",
    "activate_version",
    "cancel_order",
    "create_certificate",
    "delete_certificate",
    "load_bundle",
    "reissue_certificate",
    "renew_certificate",
    "resume_certificate",
    "retry_order",
    "revoke_certificate",
    "set_auto_renew",
    "update_certificate",
]
