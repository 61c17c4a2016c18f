"""One version of a bundle as one document, which is what remote places keep.

    {"files": {"cert.pem": …, "chain.pem": …, "fullchain.pem": …, "privkey.pem": …, "csr.pem": …},
     "metadata": {…}, "fingerprint": "<SHA-256 of the certificate>"}

CertMate 2.x wrote the same without the fingerprint, so that whoever reads `files` reads both.
"""

import json
from typing import Any

from certmate.pki.bundle import Bundle, files
from certmate.pki.errors import PKIError
from storage.backends.failures import damaged

Document = dict[str, Any]


def encode(bundle: Bundle, fingerprint: str) -> Document:
    return {
        "files": files(bundle, include_private=True),
        "metadata": bundle.metadata,
        "fingerprint": fingerprint,
    }


def decode(document: Document, fingerprint: str = "") -> Bundle:
    """The bundle. Raises IntegrityFault (`storage.damaged`) if it is none, or not this version."""
    found = document.get("files")
    metadata = document.get("metadata", {})
    if not isinstance(found, dict) or not isinstance(metadata, dict):
        raise damaged("What is stored is not a bundle.")
    texts = {name: found.get(name) or "" for name in ("cert.pem", "chain.pem", "csr.pem")}
    key = found.get("privkey.pem") or None
    if not all(isinstance(text, str) for text in [*texts.values(), key or ""]):
        raise damaged("What is stored is not a bundle.")
    bundle = Bundle(texts["cert.pem"], texts["chain.pem"], key, metadata, texts["csr.pem"])
    try:
        actual = bundle.fingerprint
    except PKIError:
        raise damaged("The stored certificate is none.") from None
    if fingerprint and actual != fingerprint:
        raise damaged("The stored certificate is not the one that its version is named after.")
    return bundle


def fingerprint_of(document: Document) -> str:
    """Which version it says that it is; "" if it says nothing."""
    found = document.get("fingerprint")
    return found if isinstance(found, str) else ""


def to_text(document: Document) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def from_text(text: str) -> Document:
    """Raises IntegrityFault for what is no document."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        # Not chained: the error carries the text.
        raise damaged("What is stored cannot be read.") from None
    if not isinstance(found, dict):
        raise damaged("What is stored is not a bundle.")
    return found
