"""A small company with a private CA: what tests of client certificates start from."""

import subprocess
from pathlib import Path
from typing import Any

from certmate.access.actors import Actor
from clients import services
from clients.models import ClientCertificate
from clients.services import ClientWish
from providers.models import Authority
from providers.services import create_authority
from storage.models import StorageTarget

SYSTEM = Actor.system()
STORE = "vault"


def authority(name: str = "issuing", **fields: Any) -> Authority:
    """An intermediate below a root, with keys that are fast to make."""
    root = Authority.objects.filter(name="root").first()
    if root is None:
        root = create_authority(
            actor=SYSTEM,
            name="root",
            kind="root",
            subject={"O": "Example", "CN": "Example Root"},
            key_type="ec256",
        )
    defaults = {"subject": {"O": "Example", "CN": f"Example {name}"}, "key_type": "ec256"}
    return create_authority(
        actor=SYSTEM, name=name, kind="intermediate", parent=root.name, **(defaults | fields)
    )


def target(name: str = STORE) -> StorageTarget:
    """The default place for bundles, in the database."""
    StorageTarget.objects.update(is_default=False)
    return StorageTarget.objects.create(name=name, backend="database", is_default=True)


def wish(common_name: str = "device-001", **fields: Any) -> ClientWish:
    return ClientWish(common_name=common_name, **({"authority": "issuing"} | fields))


def issue(common_name: str = "device-001", **fields: Any) -> ClientCertificate:
    """A client certificate of the issuing authority."""
    actor = fields.pop("actor", SYSTEM)
    made, _ = services.request_client_certificate(actor=actor, wish=wish(common_name, **fields))
    return made


def openssl(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=False)


def write_chain(folder: Path, certificate: ClientCertificate) -> tuple[Path, Path, Path]:
    """Leaf, what goes with it, and the root, as files."""
    bundle = services.load_client_bundle(
        actor=SYSTEM, certificate=certificate, include_private=False
    )
    root = Authority.objects.get(name="root").active_key()
    assert root is not None
    paths = folder / "leaf.pem", folder / "chain.pem", folder / "root.pem"
    for path, text in zip(paths, (bundle.cert, bundle.chain, root.cert), strict=True):
        path.write_text(text)
    return paths
