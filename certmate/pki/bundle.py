"""A certificate with its chain and key, and the files that it is handed out as."""

import io
import stat
import zipfile
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    pkcs7,
    pkcs12,
)

from certmate.pki.encrypted import is_affordable_pkcs12
from certmate.pki.errors import PKIError
from certmate.pki.inspect import PARSE_ERRORS, has_issued, load_certificate, load_chain, to_pem
from certmate.pki.keys import MLDSAPrivateKey, PrivateKey, describe, load_private_key
from certmate.pki.keys import to_pem as key_to_pem

_PKCS12_ROUNDS = 100_000
_MAX_PASSWORD = 1024
# The oldest instant that ZIP can write: the same bundle is the same file, whenever it is made.
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_UNIX = 3


@dataclass(frozen=True)
class Bundle:
    """What storage keeps of one version. `privkey` is None when the key was never ours; `csr` is
    the request that it was issued for, where somebody brought one.
    """

    cert: str
    chain: str
    privkey: str | None = field(repr=False)
    metadata: dict[str, Any] = field(default_factory=dict)
    csr: str = ""

    @property
    def fullchain(self) -> str:
        """What a server sends: its own certificate first (RFC 8446 §4.4.2)."""
        return _joined(self.cert, self.chain)

    @property
    def combined(self) -> str:
        """The full chain and the key in one file, as HAProxy and others read it."""
        return _joined(self.fullchain, self.privkey or "")

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, which identifies the version."""
        return load_certificate(self.cert).fingerprint(hashes.SHA256()).hex()


def _joined(*parts: str) -> str:
    return "".join(f"{part.strip()}\n" for part in parts if part.strip())


def check(bundle: Bundle) -> None:
    """Raises PKIError (`bundle.malformed`, `.key_mismatch`, `.chain`) unless all parts fit."""
    certificate, chain, key = _load(bundle)
    for subject, issuer in pairwise([certificate, *chain]):
        if not has_issued(issuer, subject):
            raise PKIError(
                "The chain is not in order: a certificate is not signed by the one after it.",
                code="bundle.chain",
            )
    if key is not None and not _fits(key, certificate):
        raise PKIError(
            "The private key does not belong to the certificate.", code="bundle.key_mismatch"
        )


def _load(bundle: Bundle) -> tuple[x509.Certificate, list[x509.Certificate], PrivateKey | None]:
    try:
        certificate = load_certificate(bundle.cert)
        chain = load_chain(bundle.chain)
        key = load_private_key(bundle.privkey) if bundle.privkey is not None else None
    except PKIError as error:
        raise PKIError(error.detail, code="bundle.malformed") from None
    return certificate, chain, key


def _fits(key: PrivateKey, certificate: x509.Certificate) -> bool:
    try:
        return describe(key.public_key()) == describe(certificate.public_key())
    except PARSE_ERRORS:
        return False


def files(bundle: Bundle, *, include_private: bool) -> dict[str, str]:
    """The PEM files of the bundle by name; `privkey.pem` only on request, and only if there is a
    key, `csr.pem` where there was a request.
    """
    found = {"cert.pem": bundle.cert, "chain.pem": bundle.chain, "fullchain.pem": bundle.fullchain}
    if bundle.csr:
        found["csr.pem"] = bundle.csr
    if include_private and bundle.privkey is not None:
        found["privkey.pem"] = bundle.privkey
    return found


def to_zip(bundle: Bundle, *, include_private: bool) -> bytes:
    """The files of the bundle in one archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files(bundle, include_private=include_private).items():
            entry = zipfile.ZipInfo(name, date_time=_ZIP_EPOCH)
            mode = 0o600 if name == "privkey.pem" else 0o644
            entry.create_system = _UNIX
            entry.external_attr = (stat.S_IFREG | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return buffer.getvalue()


def to_der(bundle: Bundle) -> bytes:
    """The certificate alone, as Windows and Java call it a `.cer`. Raises `bundle.malformed`."""
    certificate, _, _ = _load(bundle)
    return certificate.public_bytes(Encoding.DER)


def to_pkcs7(bundle: Bundle) -> bytes:
    """All certificates in a PKCS#7 file (RFC 2315 §9, without signers), DER: a `.p7b`.

    Raises PKIError (`bundle.malformed`).
    """
    certificate, chain, _ = _load(bundle)
    return pkcs7.serialize_certificates([certificate, *chain], Encoding.DER)


def to_pkcs12(bundle: Bundle, *, password: str, name: str, legacy: bool = False) -> bytes:
    """A PKCS#12 file (RFC 7292) with all certificates, the key if there is one, and `name`.

    `legacy` is for programs that know no AES here: Windows before 10, Java before 8u301.
    Raises PKIError (`bundle.malformed`, `bundle.password`, `bundle.key_type`).
    """
    return _pkcs12(bundle, name, _encryption(password, legacy=legacy))


def to_open_pkcs12(bundle: Bundle, *, name: str) -> bytes:
    """The same for a place that wants it without a password; whoever has it has the key.

    Raises PKIError (`bundle.malformed`, `bundle.key_type`).
    """
    return _pkcs12(bundle, name, NoEncryption())


def _pkcs12(bundle: Bundle, name: str, encryption: KeySerializationEncryption) -> bytes:
    certificate, chain, key = _load(bundle)
    if isinstance(key, MLDSAPrivateKey):
        raise PKIError("An ML-DSA key does not fit into PKCS#12 yet.", code="bundle.key_type")
    friendly = name.encode("utf-8", errors="replace")
    return pkcs12.serialize_key_and_certificates(friendly, key, certificate, chain, encryption)


def from_pkcs12(content: bytes) -> Bundle:
    """What is in a PKCS#12 file without a password. Raises PKIError (`bundle.malformed`)."""
    if not is_affordable_pkcs12(content):
        raise PKIError("This file takes too long to open.", code="bundle.malformed")
    try:
        found = pkcs12.load_pkcs12(content, None)
    except PARSE_ERRORS:
        # Not chained: what it says may be of the key.
        raise PKIError("This is no PKCS#12 file.", code="bundle.malformed") from None
    if found.cert is None:
        raise PKIError("There is no certificate in the file.", code="bundle.malformed")
    chain = "".join(to_pem(one.certificate) for one in found.additional_certs)
    key = key_to_pem(found.key) if isinstance(found.key, PrivateKey) else None
    return Bundle(to_pem(found.cert.certificate), chain, key)


def check_password(password: str) -> None:
    """Raise PKIError (`bundle.password`) for what cannot protect a PKCS#12 file."""
    # Readers disagree about an empty password, and nobody can type a control character.
    if not 0 < len(password) <= _MAX_PASSWORD or not password.isprintable():
        raise PKIError(
            f"The password has 1 to {_MAX_PASSWORD} printable characters.", code="bundle.password"
        )


def _encryption(password: str, *, legacy: bool) -> KeySerializationEncryption:
    """PBES2 (RFC 8018) with AES: OpenSSL 3 and FIPS refuse the 3DES and RC2 of older files."""
    check_password(password)
    algorithm = (
        pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC
        if legacy
        else pkcs12.PBES.PBESv2SHA256AndAES256CBC
    )
    return (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(_PKCS12_ROUNDS)
        .key_cert_algorithm(algorithm)
        .hmac_hash(hashes.SHA1() if legacy else hashes.SHA256())  # noqa: S303 - As they expect it.
        .build(password.encode("utf-8"))
    )
