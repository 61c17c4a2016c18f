"""Our ACME account, as a client of the `acme` library and as files that certbot finds."""

import json
import os
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import certifi
from acme import messages
from acme.client import ClientNetwork, ClientV2
from josepy.jwa import ES256, ES384, ES512, RS256
from josepy.jwk import JWK

_TIMEOUT = 45
_EC_ALGORITHMS = {256: ES256, 384: ES384, 521: ES512}


def account_key(request: dict[str, Any]) -> JWK:
    """The account's private key."""
    return JWK.load(request["account"]["key_pem"].encode())


def connect(request: dict[str, Any], *, registered: bool = True) -> ClientV2:
    """A client that signs as our account, or with the bare key before it is registered."""
    key = account_key(request)
    account = None
    if registered:
        account = messages.RegistrationResource(
            body=messages.Registration(), uri=request["account"]["uri"]
        )
    network = ClientNetwork(
        key,
        account=account,
        alg=_EC_ALGORITHMS[key.key.key_size] if key.typ == "EC" else RS256,
        user_agent="CertMate",
        timeout=_TIMEOUT,
    )
    return ClientV2(ClientV2.get_directory(request["directory_url"], network), network)


def seed_account(request: dict[str, Any], config_dir: Path) -> None:
    """Puts the account where certbot looks for it, so that it registers none."""
    server = urlsplit(request["directory_url"])
    path = config_dir / "accounts" / f"{server.netloc}{server.path}" / "certmate"
    path.mkdir(parents=True, mode=0o700)
    contents = {
        "private_key.json": account_key(request).to_json(),
        "regr.json": {"body": {}, "uri": request["account"]["uri"]},
        # Certbot wants to know where and when; neither is anybody's business.
        "meta.json": {
            "creation_dt": "2000-01-01T00:00:00Z",
            "creation_host": "localhost",
            "register_to_eff": None,
        },
    }
    for name, content in contents.items():
        (path / name).write_text(json.dumps(content))
        (path / name).chmod(0o400)


def write_trust(bundle: str, path: Path) -> str:
    """A file with the system's roots and the bundle; "" if there is no bundle to add."""
    if not bundle.strip():
        return ""
    path.write_text(f"{_system_roots()}\n{bundle}\n")
    return str(path)


def _system_roots() -> str:
    # The order in which requests and OpenSSL look.
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        found = Path(os.environ.get(variable, ""))
        if found.is_file():
            return found.read_text()
        if os.environ.get(variable) and found.is_dir():
            return "\n".join(p.read_text() for p in sorted(found.glob("*.pem")))
    default = ssl.get_default_verify_paths().cafile
    roots = Path(certifi.where()).read_text()
    if default and Path(default).is_file():
        roots += "\n" + Path(default).read_text()
    return roots


def der_text(pem: str) -> str:
    """The first block of the PEM as base64url, in which josepy reads DER."""
    inside = pem.partition("-----BEGIN")[2].partition("-----\n")[2].partition("-----END")[0]
    return "".join(inside.split()).replace("+", "-").replace("/", "_").rstrip("=")
