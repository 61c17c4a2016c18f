"""What CertMate 2.x has left at a place: its names and shapes, which are only read.

Vault, Secrets Manager and S3 have one document a domain, beside our folders; Key Vault and
Infisical a secret for each file; Key Vault certificate objects as well, or instead.
"""

import base64
import binascii
import re
import zlib
from collections.abc import Mapping

from certmate.pki.bundle import files, from_pkcs12
from certmate.pki.errors import PKIError
from certmate.pki.inspect import describe_certificate
from storage.backends.documents import Document, from_text
from storage.backends.failures import damaged

CERTIFICATE = "cert.pem"
FILES = (CERTIFICATE, "chain.pem", "privkey.pem")
"""Of its four files those that say everything."""

METADATA = "metadata"
AZURE_PREFIX, INFISICAL_PREFIX = "cert", "certmate"
_AZURE_LONGEST = 127
_UNFIT = re.compile(r"[^a-zA-Z0-9-]")


def piece(prefix: str, domain: str, file: str) -> str:
    """The name of one file's secret, where dots only of the domain are left."""
    return f"{prefix}-{domain}-{file.replace('.', '-')}"


def domain_of(name: str) -> str:
    """The domain of a certificate's secret at Infisical; "" for any other secret."""
    start, end = f"{INFISICAL_PREFIX}-", "-cert-pem"
    return name[len(start) : -len(end)] if name.startswith(start) and name.endswith(end) else ""


def azure_name(name: str) -> str:
    """How 2.x spells a name in a vault: not to be read back, but of its own for each name."""
    checksum = f"-{zlib.crc32(name.encode()):08x}"
    return _UNFIT.sub("-", name).strip("-")[: _AZURE_LONGEST - len(checksum)] + checksum


def is_azure_certificate(name: str) -> bool:
    return name.startswith(f"{AZURE_PREFIX}-") and name[:-9].endswith("-cert-pem")


def azure_domain(name: str, cert: str) -> str:
    """The domain of this secret, which its certificate is for; "" if it is for none like it."""
    try:
        names = describe_certificate(cert).names
    except PKIError:
        return ""
    spelt = {azure_name(piece(AZURE_PREFIX, domain, CERTIFICATE)): domain for domain in names}
    return spelt.get(name, "")


def document(texts: Mapping[str, str], metadata: str) -> Document:
    """One document of the secrets of a domain. Raises IntegrityFault (`storage.damaged`)."""
    return {"files": dict(texts), "metadata": from_text(metadata) if metadata else {}}


def object_document(pfx: str, tags: Mapping[str, str]) -> Document:
    """The same of a certificate object: PKCS#12 in Base64, without a password."""
    try:
        bundle = from_pkcs12(base64.b64decode(pfx, validate=True))
    except (PKIError, binascii.Error):
        raise damaged("The certificate object cannot be read.") from None
    metadata = {**tags, "staging": tags.get("staging") == "true"}
    return {"files": files(bundle, include_private=True), "metadata": metadata}
