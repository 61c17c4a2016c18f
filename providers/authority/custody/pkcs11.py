"""Keys in a hardware security module, which never leave it (PKCS #11 v3.0).

The operator chooses the vendor's library and the token; nobody who asks CertMate for something can.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from certmate.core.errors import IntegrityFault, UpstreamRejected
from certmate.pki.keys import KeyType, check_strength
from certmate.pki.signatures import check_signature
from providers.authority.custody.base import Custody, MadeKey, hash_of

if TYPE_CHECKING:
    from pkcs11 import PublicKey, Session, SignMixin

    from providers.authority.custody.token import Token

_RSA_BITS = {KeyType.RSA2048: 2048, KeyType.RSA3072: 3072, KeyType.RSA4096: 4096}
_CURVES: Mapping[KeyType, type[ec.EllipticCurve]] = {
    KeyType.EC256: ec.SECP256R1,
    KeyType.EC384: ec.SECP384R1,
    KeyType.EC521: ec.SECP521R1,
}
# DER object identifiers, as CKA_EC_PARAMS has them: RFC 5480 §2.1.1.1, RFC 8410 §3.
_PARAMETERS = {
    KeyType.EC256: bytes.fromhex("06082a8648ce3d030107"),
    KeyType.EC384: bytes.fromhex("06052b81040022"),
    KeyType.EC521: bytes.fromhex("06052b81040023"),
    KeyType.ED25519: bytes.fromhex("06032b6570"),
}
# RFC 8017 §9.2, note 1: the DigestInfo of SHA-256 up to the digest.
_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
_ID_BYTES = 16


@dataclass(frozen=True)
class TokenSigner:
    """A key in the token, known by its id."""

    key_id: bytes
    public_key: PublicKeyTypes

    def sign(self, data: bytes) -> bytes:
        """The signature value, as `Signer` says.

        Raises what `Token.use` raises, and IntegrityFault (`authority.key_missing`) if the key in
        the token is another one than it was.
        """
        token = _token()

        def work(session: "Session") -> bytes:
            return _signature(token.private_key(session, self.key_id), self.public_key, data)

        signature = token.use(work)
        # Also against a token that computes wrongly: a faulty RSA signature can give the key away.
        if not _is_valid(self.public_key, signature, data):
            raise IntegrityFault(
                "The key in the token is not the authority's.", code="authority.key_missing"
            )
        return signature


def make(key_type: KeyType, *, passphrase: str = "") -> MadeKey:
    """A new key, made in the token. Raises what `Token.use` raises."""
    key_id = secrets.token_bytes(_ID_BYTES)
    label = f"certmate-{key_id.hex()[:8]}"

    def work(session: "Session") -> PublicKeyTypes:
        return _public_key(key_type, _generated(session, key_type, key_id, label))

    public_key = _token().use(work)
    check_strength(public_key, more=True)
    pem = public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
    return MadeKey({"id": key_id.hex(), "label": label, "public_key": pem}, public_key)


def open_key(stored: Mapping[str, Any], passphrase: str) -> TokenSigner:
    """The key with the stored id.

    Raises what `Token.use` raises, above all IntegrityFault (`authority.key_missing`).
    """
    key_id = bytes.fromhex(stored["id"])
    token = _token()

    def work(session: "Session") -> None:
        token.private_key(session, key_id)

    token.use(work)
    return TokenSigner(key_id, load_pem_public_key(stored["public_key"].encode("ascii")))


def _token() -> "Token":
    """The token of this process. Raises UpstreamRejected (`authority.pkcs11_missing`)."""
    try:
        from providers.authority.custody.token import TOKEN
    except ModuleNotFoundError as error:
        if error.name != "pkcs11":
            raise
    else:
        return TOKEN
    raise UpstreamRejected(
        "python-pkcs11 is not installed: pip install --require-hashes -r requirements/pkcs11.txt",
        code="authority.pkcs11_missing",
    )


def _generated(session: "Session", key_type: KeyType, key_id: bytes, label: str) -> "PublicKey":
    import pkcs11

    options: dict[str, Any] = {
        "id": key_id,
        "label": label,
        "store": True,
        "capabilities": pkcs11.MechanismFlag.SIGN | pkcs11.MechanismFlag.VERIFY,
        "private_template": {
            pkcs11.Attribute.SENSITIVE: True,
            pkcs11.Attribute.EXTRACTABLE: False,
        },
    }
    if key_type in _RSA_BITS:
        public, _ = session.generate_keypair(pkcs11.KeyType.RSA, _RSA_BITS[key_type], **options)
        return public
    is_edwards = key_type is KeyType.ED25519
    family = pkcs11.KeyType.EC_EDWARDS if is_edwards else pkcs11.KeyType.EC
    parameters = {pkcs11.Attribute.EC_PARAMS: _PARAMETERS[key_type]}
    domain = session.create_domain_parameters(family, parameters, local=True)
    public, _ = domain.generate_keypair(**options)
    return public


def _public_key(key_type: KeyType, public: "PublicKey") -> PublicKeyTypes:
    from pkcs11 import Attribute

    if key_type in _RSA_BITS:
        modulus = int.from_bytes(public[Attribute.MODULUS])
        exponent = int.from_bytes(public[Attribute.PUBLIC_EXPONENT])
        return rsa.RSAPublicNumbers(exponent, modulus).public_key()
    point = _point(public[Attribute.EC_POINT])
    if key_type is KeyType.ED25519:
        return ed25519.Ed25519PublicKey.from_public_bytes(point)
    return ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[key_type](), point)


def _point(value: bytes) -> bytes:
    """The content of the DER OCTET STRING that CKA_EC_POINT is (PKCS #11 v3.0 §2.3.3)."""
    length = value[1]
    return value[2:] if length < 0x80 else value[2 + (length & 0x7F) :]


def _signature(key: "SignMixin", public_key: PublicKeyTypes, data: bytes) -> bytes:
    """Made of the digest where the algorithm has one: lists of revocations are long."""
    from pkcs11 import Mechanism

    if isinstance(public_key, rsa.RSAPublicKey):
        digest = hashlib.new(hash_of(public_key).name, data).digest()
        return key.sign(_DIGEST_INFO + digest, mechanism=Mechanism.RSA_PKCS)
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        digest = hashlib.new(hash_of(public_key).name, data).digest()
        raw = key.sign(digest, mechanism=Mechanism.ECDSA)
        half = len(raw) // 2
        return encode_dss_signature(int.from_bytes(raw[:half]), int.from_bytes(raw[half:]))
    return key.sign(data, mechanism=Mechanism.EDDSA)


def _is_valid(public_key: PublicKeyTypes, signature: bytes, data: bytes) -> bool:
    try:
        check_signature(public_key, signature, data)
    except InvalidSignature:
        return False
    return True


PKCS11 = Custody(
    slug="pkcs11",
    label="Hardware security module (PKCS #11)",
    help="Made in the token that the operator configured, and never outside of it.",
    make=make,
    adopt=None,
    open=open_key,
    key_types=frozenset(_RSA_BITS.keys() | _PARAMETERS.keys()),
)
