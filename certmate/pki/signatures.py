"""Signatures: Ed25519 (RFC 8032) over what CertMate itself states, such as its audit checkpoints,
and whether a key of any kind has made one.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256

from certmate.pki.keys import MLDSAPublicKey, curve_hash


class SignatureInvalid(ValueError):
    """The key did not sign this message."""


def new_signing_key() -> bytes:
    """The 32 bytes of a fresh private key."""
    return Ed25519PrivateKey.generate().private_bytes_raw()


def public_key_of(private_key: bytes) -> bytes:
    """The 32 bytes of the public key that belongs to it."""
    return Ed25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def sign(private_key: bytes, message: bytes) -> bytes:
    """The 64 bytes of the signature."""
    return Ed25519PrivateKey.from_private_bytes(private_key).sign(message)


def verify(public_key: bytes, signature: bytes, message: bytes) -> None:
    """Raises SignatureInvalid unless the key signed exactly this message."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise SignatureInvalid("The signature is not valid.") from None


def check_signature(public_key: PublicKeyTypes, signature: bytes, message: bytes) -> None:
    """Raise InvalidSignature unless the key has signed exactly this message.

    An RSA key signs by PKCS #1 v1.5 with SHA-256, an EC key with the hash of its curve (SHA-256,
    SHA-384, SHA-512), Ed25519 and ML-DSA sign the message as it is.
    """
    if isinstance(public_key, rsa.RSAPublicKey):
        public_key.verify(signature, message, padding.PKCS1v15(), SHA256())
    elif isinstance(public_key, ec.EllipticCurvePublicKey):
        public_key.verify(signature, message, ec.ECDSA(curve_hash(public_key.curve)))
    elif isinstance(public_key, Ed25519PublicKey | MLDSAPublicKey):
        public_key.verify(signature, message)
    else:
        raise InvalidSignature
