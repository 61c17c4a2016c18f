"""Certificate objects of Azure Key Vault, which services of Azure bind to, beside our secrets.

The current version of each server bundle with a private key, imported as PKCS#12 under the name of
the path `tls/<name>`, spelt as those of secrets are:

    certmate-tls-swww-dexample-dcom          of server/www.example.com

The tag `certmate-object` has the bundle's path unspelt. The secrets stay the truth: nobody reads an
object, and each put and deletion, repeated, mends what an earlier one has left undone.
"""

import hashlib
import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from certmate.core import clock
from certmate.core.errors import CertMateError, NotFound, UpstreamRejected
from certmate.pki.bundle import Bundle, to_open_pkcs12
from certmate.pki.errors import PKIError
from certmate.pki.inspect import describe_certificate
from certmate.pki.self_signed import self_signed
from storage.backends.base import BundleRef
from storage.backends.failures import attempt, brief, rejected, unavailable
from storage.backends.shelf import Shelf, ShelfBackend

if TYPE_CHECKING:
    from storage.backends.key_vault import Vault

logger = logging.getLogger(__name__)

TAG = "certmate-object"
_CONTENT_TYPE = "application/x-pkcs12"
_AT_NO_TIME = ("storage.rejected", "bundle.malformed", "bundle.key_type")
_RSA_SIZES = (2048, 3072, 4096)
_CURVES = {256: "P-256", 384: "P-384", 521: "P-521"}


class ObjectsBackend(ShelfBackend):
    """Secrets, and a certificate object that follows the current version of each server bundle."""

    def __init__(self, shelf: Shelf, objects: "CertificateObjects") -> None:
        super().__init__(shelf)
        self._objects = objects

    def put(self, ref: BundleRef, bundle: Bundle) -> None:
        super().put(ref, bundle)
        if ref.kind != "server":
            return
        try:
            # Until what was imported is current: another writer may have been faster in between.
            while self._objects.follow(ref, bundle):
                current = self.get(ref)
                if current.fingerprint == bundle.fingerprint:
                    return
                bundle = current
        except NotFound:
            self._objects.remove(ref)

    def delete(self, ref: BundleRef, fingerprint: str | None = None) -> None:
        if fingerprint is None and ref.kind == "server":
            self._objects.remove(ref)
        super().delete(ref, fingerprint)

    def probe(self) -> None:
        super().probe()
        self._objects.probe()


class CertificateObjects:
    """The objects of one vault; `spell` makes the name of one from the path of what it is for."""

    def __init__(self, vault: "Vault", spell: Callable[[str], str]) -> None:
        self._vault, self._spell = vault, spell

    def follow(self, ref: BundleRef, bundle: Bundle) -> bool:
        """Have this version in the object; whether it had to be imported for that.

        What Azure takes at no time is left out and said in the log: the bundle is stored, and a
        certificate that cannot be bound to is better than one that is lost.
        """
        name = self._name(ref)
        if bundle.privkey is None or attempt(partial(self._has, name, bundle)):
            return False
        try:
            if not (key := _key_of(bundle)):
                raise rejected("Importing", "Azure takes no key of this kind")
            attempt(partial(self._import, name, {TAG: ref.path}, bundle, key))
        except (PKIError, UpstreamRejected) as error:
            if error.code not in _AT_NO_TIME:
                raise
            logger.warning("%s has no certificate object: %s", ref.path, error.detail)
            return False
        return True

    def remove(self, ref: BundleRef) -> None:
        attempt(partial(self._vault.delete, self._name(ref)))

    def probe(self) -> None:
        """Import, read, compare and delete one that nobody binds to."""
        name = self._spell(f"probe/{secrets.token_hex(8)}")
        try:
            self._try_out(name)
        except CertMateError:
            # Whatever was imported; what failed first is told.
            with suppress(CertMateError):
                attempt(partial(self._vault.delete, name))
            raise
        attempt(partial(self._vault.delete, name))

    def _try_out(self, name: str) -> None:
        bundle = self_signed("CertMate", clock.now())
        attempt(partial(self._import, name, {}, bundle, _key_of(bundle)))
        if not attempt(partial(self._has, name, bundle)):
            raise unavailable("Comparing", "what was read is not what was imported")

    def _has(self, name: str, bundle: Bundle) -> bool:
        found = self._vault.run("Reading", "get", lambda client: client.get_certificate(name))
        cert = bytes(found.cer or b"") if found is not None else b""
        return hashlib.sha256(cert).hexdigest() == bundle.fingerprint

    def _import(
        self, name: str, tags: dict[str, str], bundle: Bundle, key: dict[str, object]
    ) -> None:
        content = to_open_pkcs12(bundle, name=name)

        def call(client: Any) -> Any:
            from azure.keyvault.certificates import CertificatePolicy

            # Of an unknown issuer, so that Azure renews nothing by itself.
            policy = CertificatePolicy(
                "Unknown", exportable=True, reuse_key=False, content_type=_CONTENT_TYPE, **key
            )
            return client.import_certificate(name, content, policy=policy, tags=tags)

        if self._vault.run("Importing", "import", call, taken=True) is None:
            # Deleted, by us or by somebody, in a vault that did not let us purge it.
            self._vault.recover(name)
            raise brief("Importing", "a deleted certificate of this name had to be recovered")

    def _name(self, ref: BundleRef) -> str:
        return self._spell(f"tls/{ref.path.partition('/')[2]}")


def _key_of(bundle: Bundle) -> dict[str, object]:
    """What a policy says of the key, as Azure needs it for an EC key; empty for one that it does
    not take: RSA of 2048, 3072 or 4096 bits, and NIST's curves.
    """
    key = describe_certificate(bundle.cert).key
    if key.algorithm == "RSA" and key.size in _RSA_SIZES:
        return {"key_type": "RSA", "key_size": key.size}
    if key.algorithm == "ECDSA" and key.size in _CURVES:
        return {"key_type": "EC", "key_curve_name": _CURVES[key.size]}
    return {}
