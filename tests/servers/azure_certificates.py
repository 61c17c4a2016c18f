"""Certificates of the stand-in of Azure Key Vault, as Microsoft's REST reference describes them.

Each has a secret of the same name beside it, which Azure manages: it is listed and read as others
are, and changed, deleted and recovered only with its certificate.
"""

import base64
import hashlib
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from tests.servers.standin import Reply

if TYPE_CHECKING:
    from tests.servers.azure_kv import KeyVault

PKCS12 = "application/x-pkcs12"
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521", "secp256k1": "P-256K"}
_VERBS = {"GET": "get", "POST": "import", "DELETE": "delete"}
_DELETED_VERBS = {"GET": "get", "POST": "recover", "DELETE": "purge"}

Versions = list[dict[str, Any]]


@dataclass
class Certificates:
    """Certificates by lower-case name, each a list of versions, and the deleted ones."""

    vault: "KeyVault"
    found: dict[str, Versions] = field(default_factory=dict)
    deleted: dict[str, Versions] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """Those that no secret of anybody else can have."""
        return {*self.found, *self.deleted}

    def answer(self, method: str, path: list[str], body: dict[str, Any]) -> Reply:
        is_deleted, name = path[0] == "deletedcertificates", path[1].lower()
        verb = (_DELETED_VERBS if is_deleted else _VERBS)[method]
        if f"certificates/{verb}" in self.vault.denied:
            return Reply(403, error("Forbidden"))
        if not is_name(name):
            return Reply(400, error("BadParameter"))
        if verb == "import":
            return self._import(name, path[1], body)
        if name not in (self.deleted if is_deleted else self.found):
            return Reply(404, error("CertificateNotFound"))
        if verb == "get":
            return Reply(200, self._shown_deleted(name) if is_deleted else self._get(name, path))
        reply: Reply = getattr(self, f"_{verb}")(name)
        return reply

    def _get(self, name: str, path: list[str]) -> dict[str, Any]:
        wanted = path[2] if len(path) > 2 else ""
        return next(one for one in reversed(self.found[name]) if one["id"].endswith(wanted))

    def _import(self, name: str, shown: str, body: dict[str, Any]) -> Reply:
        if name in self.deleted or name in self.vault.deleted:
            return Reply(409, error("ObjectIsDeletedButRecoverable"))
        if name in self.vault.secrets and name not in self.found:
            return Reply(409, error("Conflict"))
        policy, tags = body.get("policy", {}), body.get("tags", {})
        if len(tags) > 15 or any(len(value) > 256 for value in tags.values()):
            return Reply(400, error("BadParameter"))
        try:
            pfx = base64.b64decode(body["value"], validate=True)
            der = _require_acceptable(pfx, body.get("pwd"), policy)
        except (ValueError, TypeError):
            return Reply(400, error("BadParameter"))
        made = self._version(shown, der, policy, tags)
        self.found.setdefault(name, []).append(made)
        self.vault.secrets.setdefault(name, []).append(
            {
                "id": made["sid"],
                "value": body["value"],
                "tags": tags,
                "contentType": PKCS12,
                "managed": True,
                "kid": made["kid"],
                "attributes": made["attributes"],
            }
        )
        return Reply(200, made)

    def _version(
        self, shown: str, der: bytes, policy: dict[str, Any], tags: dict[str, str]
    ) -> dict[str, Any]:
        version, address = secrets.token_hex(16), self.vault.address
        thumbprint = hashlib.sha1(der, usedforsecurity=False).digest()
        return {
            "id": f"{address}/certificates/{shown}/{version}",
            "kid": f"{address}/keys/{shown}/{version}",
            "sid": f"{address}/secrets/{shown}/{version}",
            "x5t": base64.urlsafe_b64encode(thumbprint).decode().rstrip("="),
            "cer": base64.b64encode(der).decode(),
            "tags": tags,
            "policy": policy | {"id": f"{address}/certificates/{shown}/policy"},
            "attributes": {
                "enabled": True,
                "created": int(time.time()),
                "recoveryLevel": self.vault.recovery_level,
            },
        }

    def _delete(self, name: str) -> Reply:
        self.deleted[name] = self.found.pop(name)
        self.vault.deleted[name] = self.vault.secrets.pop(name)
        return Reply(200, self._shown_deleted(name))

    def _purge(self, name: str) -> Reply:
        if "Purgeable" not in self.vault.recovery_level:
            return Reply(403, error("Forbidden"))
        del self.deleted[name], self.vault.deleted[name]
        return Reply(204)

    def _recover(self, name: str) -> Reply:
        self.found[name] = self.deleted.pop(name)
        self.vault.secrets[name] = self.vault.deleted.pop(name)
        return Reply(200, self.found[name][-1])

    def _shown_deleted(self, name: str) -> dict[str, Any]:
        recovery = f"{self.vault.address}/deletedcertificates/{name}"
        return self.deleted[name][-1] | {"recoveryId": recovery, "deletedDate": 1}


def is_name(text: str) -> bool:
    return re.fullmatch(r"[0-9A-Za-z-]{1,127}", text) is not None


def error(code: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": f"{code}."}}


def _require_acceptable(pfx: bytes, password: str | None, policy: dict[str, Any]) -> bytes:
    """The certificate (DER). Raises ValueError for what Azure does not import: anything but RSA of
    three sizes and four curves, and a key of another kind than the policy says.
    """
    content = pkcs12.load_pkcs12(pfx, password.encode() if password else None)
    wanted, key = policy.get("key_props", {"kty": "RSA"}), content.key
    if isinstance(key, rsa.RSAPrivateKey):
        fits = wanted["kty"] == "RSA" and key.key_size in (2048, 3072, 4096)
        fits = fits and wanted.get("key_size", key.key_size) == key.key_size
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        fits = wanted["kty"] == "EC" and wanted.get("crv") == _CURVES.get(key.curve.name, "")
    else:
        fits = False
    if not fits or policy.get("secret_props", {}).get("contentType", PKCS12) != PKCS12:
        raise ValueError("This is not imported.")
    assert content.cert
    return content.cert.certificate.public_bytes(Encoding.DER)
