"""Bundles as CertMate 2.x leaves them, put there without any of our code."""

import base64
import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import NoEncryption, load_pem_private_key, pkcs12
from cryptography.x509 import load_pem_x509_certificate

from certmate.pki.bundle import Bundle
from tests.servers.azure_kv import KeyVault
from tests.servers.infisical import Infisical
from tests.servers.moto_aws import AWS, BUCKET
from tests.servers.openbao import VaultWorld


def texts(bundle: Bundle) -> dict[str, str]:
    return {
        "cert.pem": bundle.cert,
        "chain.pem": bundle.chain,
        "fullchain.pem": bundle.fullchain,
        "privkey.pem": bundle.privkey or "",
    }


def leave(
    case: str, request: pytest.FixtureRequest, given: dict[str, str], domain: str, bundle: Bundle
) -> None:
    """Have the bundle where 2.x would have put it, at a place with these parameters."""
    _LEFT[case](request, given, domain, bundle)


def in_folder(root: Path, domain: str, bundle: Bundle) -> None:
    home = root / domain
    home.mkdir(parents=True)
    for name, text in texts(bundle).items():
        (home / name).write_text(text)
    (home / "metadata.json").write_text(json.dumps(bundle.metadata))
    # What else certbot and 2.x keep there.
    (home / "cert.pfx").write_bytes(b"\x30\x82")
    (home / "live").mkdir()


def as_object(vault: KeyVault, domain: str, bundle: Bundle) -> None:
    """A certificate object, as its companion secret shows it."""
    key = load_pem_private_key((bundle.privkey or "").encode(), None)
    chain = [load_pem_x509_certificate(bundle.chain.encode())]
    cert = load_pem_x509_certificate(bundle.cert.encode())
    pfx = pkcs12.serialize_key_and_certificates(None, key, cert, chain, NoEncryption())  # type: ignore[arg-type]
    tags = {"domain": domain, "ca_provider": "letsencrypt", "staging": "true"}
    _secret(vault, f"cert-{domain}", base64.b64encode(pfx).decode(), tags)


def _document(bundle: Bundle) -> dict[str, Any]:
    return {"files": texts(bundle), "metadata": bundle.metadata}


def _vault(request: Any, given: dict[str, str], domain: str, bundle: Bundle) -> None:
    world: VaultWorld = request.getfixturevalue("vault_server")
    if given.get("mount") == "one":
        world.bao.call(f"one/{given['path']}/{domain}", **_document(bundle))
    else:
        world.bao.call(f"secret/data/{given['path']}/{domain}", data=_document(bundle))


def _secrets_manager(request: Any, given: dict[str, str], domain: str, bundle: Bundle) -> None:
    server: AWS = request.getfixturevalue("aws_server")
    server.client("secretsmanager").create_secret(
        Name=f"{given['prefix']}/{domain}", SecretString=json.dumps(_document(bundle))
    )


def _s3(request: Any, given: dict[str, str], domain: str, bundle: Bundle) -> None:
    server: AWS = request.getfixturevalue("aws_server")
    server.client("s3").put_object(
        Bucket=BUCKET,
        Key=f"{given['prefix']}/{domain}.json",
        Body=json.dumps(_document(bundle)).encode(),
    )


def _key_vault(request: Any, given: dict[str, str], domain: str, bundle: Bundle) -> None:
    vault: KeyVault = request.getfixturevalue("azure_server")
    for name, text in texts(bundle).items():
        _secret(vault, f"cert-{domain}-{name.replace('.', '-')}", text, {})
    _secret(vault, f"cert-{domain}-metadata", json.dumps(bundle.metadata), {})


def _secret(vault: KeyVault, raw: str, value: str, tags: dict[str, str]) -> None:
    suffix = f"-{zlib.crc32(raw.encode()) & 0xFFFFFFFF:08x}"
    name = re.sub(r"[^a-zA-Z0-9-]", "-", raw).strip("-")[: 127 - len(suffix)] + suffix
    vault.put(name, {"value": value, "tags": tags})


def _infisical(request: Any, given: dict[str, str], domain: str, bundle: Bundle) -> None:
    server: Infisical = request.getfixturevalue("infisical_server")
    for name, text in texts(bundle).items():
        server.values["/", f"certmate-{domain}-{name.replace('.', '-')}"] = text
    server.values["/", f"certmate-{domain}-metadata"] = json.dumps(bundle.metadata)


def _local(request: Any, given: dict[str, str], domain: str, bundle: Bundle) -> None:
    in_folder(request.getfixturevalue("root"), domain, bundle)


_LEFT: dict[str, Callable[[Any, dict[str, str], str, Bundle], None]] = {
    "local": _local,
    "vault": _vault,
    "vault-kv1": _vault,
    "aws-secrets-manager": _secrets_manager,
    "s3": _s3,
    "azure-key-vault": _key_vault,
    "infisical": _infisical,
}
CASES = sorted(_LEFT)
