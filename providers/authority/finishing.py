"""Drafts signed by the key of an authority, wherever that is kept."""

from collections.abc import Mapping, Sequence
from typing import Any

from certmate.pki.der import Frame
from certmate.pki.issue import Issuer, complete
from providers.authority.custody import CUSTODIES


def finish(
    custody: str,
    stored: Mapping[str, Any],
    passphrase: str,
    issuer: Issuer | None,
    frames: Sequence[Frame],
) -> list[bytes]:
    """The certificates in DER. Without an issuer the key signs its own certificate.

    Each signature is verified: a fault in one tells the key to whoever sees it. Raises PKIError
    (`signature.invalid`) if the key store has signed something else, and what opening the key
    raises.
    """
    signer = CUSTODIES[custody].open(stored, passphrase)
    return [complete(frame, signer.sign(frame.tbs), issuer) for frame in frames]
