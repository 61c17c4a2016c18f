"""Identities and client certificates that tests start from, made by the services."""

import base64
import subprocess
from pathlib import Path
from typing import Any

from certmate.access.actors import Actor
from certmate.pki.alt_names import AltNames
from certmate.pki.keys import KeyType, new_key, to_pem
from certmate.pki.requests import build_request
from clients import services
from clients.models import ClientCertificate, Identity
from clients.services import ClientWish

SYSTEM = Actor.system()


def identity(name: str = "jane", **fields: Any) -> Identity:
    return services.create_identity(actor=SYSTEM, name=name, **({"kind": "person"} | fields))


def issued(common_name: str = "jane", **wish: Any) -> ClientCertificate:
    """An issued certificate, with what is default for all that is not said."""
    asked = ClientWish(common_name=common_name, **wish)
    certificate, enrolment = services.request_client_certificate(actor=SYSTEM, wish=asked)
    assert enrolment is None
    return certificate


def key() -> str:
    """A private key in PEM."""
    return to_pem(new_key(KeyType.EC256))


def csr(key_pem: str, common_name: str = "jane") -> str:
    """A request of the key for this holder."""
    return build_request(key_pem, {"CN": common_name} if common_name else {}, AltNames())


def der(csr_pem: str) -> bytes:
    return base64.b64decode("".join(csr_pem.splitlines()[1:-1]))


def signed(key_pem: str, message: bytes, folder: Path) -> str:
    """The signature (Base64) as openssl makes it with the key."""
    (folder / "key.pem").write_text(key_pem)
    made = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", str(folder / "key.pem")],
        input=message,
        capture_output=True,
        check=True,
    )
    return base64.b64encode(made.stdout).decode()
