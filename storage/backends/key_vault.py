"""Azure Key Vault, by azure-keyvault-secrets: one secret a document.

The name of a secret has letters, digits and dashes only, at most 127 of them. Ours are spelt so,
which anybody can read back:

    certmate-server-swww-dexample-dcom        of server/www.example.com
    - is --   . is -d   _ is -u   / is -s

What is too long then ends in -h and 32 hex digits of the SHA-256 of the whole instead. The tags
`certmate-folder` and `certmate-name` have it unspelt in any case.
"""

import hashlib
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

from certmate.core.errors import InvalidRequest, UpstreamRejected
from certmate.core.parameters import Parameter
from storage.backends import connections, legacy
from storage.backends.base import Backend, BackendSpec, OwnPlaces
from storage.backends.certificate_objects import CertificateObjects, ObjectsBackend
from storage.backends.connections import CA_BUNDLE, CLIENTS, check_endpoint, session, trust
from storage.backends.documents import Document, from_text, to_text
from storage.backends.failures import answered, brief, missing_sdk, not_signed_in, unreached
from storage.backends.shelf import Found, ShelfBackend
from storage.backends.spelling import address_of

T = TypeVar("T")

logger = logging.getLogger(__name__)

MAX_BYTES = 25_600
"""Azure: "Key Vault secrets are limited to 25 KB"."""

MAX_NAME = 127
_WAIT_SECONDS = 15
PUBLIC_LOGIN = "https://login.microsoftonline.com"
_FOLDER, _NAME = "certmate-folder", "certmate-name"
_SPELT = {"-": "--", ".": "-d", "_": "-u", "/": "-s"}
_WHY_NOT = {
    "client-secret": "the client secret is wrong or has expired",
    "managed-identity": "this machine has no such identity",
}
_PREFIX = re.compile(r"[a-z0-9]{1,20}")
_VAULTS = (".vault.azure.net", ".vault.azure.cn", ".vault.usgovcloudapi.net")
_LOGINS = (
    *("login.microsoftonline.com", "login.partner.microsoftonline.cn"),
    "login.microsoftonline.us",
)


def secret_name(prefix: str, path: str) -> str:
    """How the name of a document is spelt in a vault."""
    name = f"{prefix}-{''.join(_SPELT.get(character, character) for character in path)}"
    if len(name) <= MAX_NAME:
        return name
    digest = hashlib.sha256(path.encode()).hexdigest()[:32]
    return f"{name[: MAX_NAME - 34].rstrip('-')}-h{digest}"


class KeyVaultShelf:
    """Secrets of one vault whose names begin with a prefix.

    Each write is a version of Azure's own, which cannot refuse one that was overtaken.
    """

    creates = replaces = False
    limit: int | None = MAX_BYTES
    lists_at_once = True

    def __init__(self, vault: "Vault", values: Mapping[str, str]) -> None:
        self._vault, self._prefix = vault, values["prefix"]

    def read(self, folder: str, name: str) -> Found | None:
        secret = self._secret(folder, name)
        found = self._vault.run("Reading", "get", lambda client: client.get_secret(secret))
        return Found(from_text(found.value or "")) if found is not None else None

    def create(self, folder: str, name: str, document: Document) -> bool:
        if self.read(folder, name) is not None:
            return False
        return self.replace(folder, name, document, "")

    def replace(self, folder: str, name: str, document: Document, revision: str) -> bool:
        secret = self._secret(folder, name)
        tags = {_FOLDER: folder, _NAME: name}

        def write(client: Any) -> Any:
            return client.set_secret(
                secret, to_text(document), tags=tags, content_type="application/json"
            )

        if self._vault.run("Writing", "set", write, taken=True) is None:
            # Deleted, by us or by somebody, in a vault that did not let us purge it.
            self._vault.recover(secret)
            raise brief("Writing", "a deleted secret of this name had to be recovered")
        return True

    def remove(self, folder: str, name: str) -> None:
        self._vault.delete(self._secret(folder, name))

    def forget(self, folder: str, name: str) -> None:
        """Azure deletes no version alone; all go with the secret."""

    def names(self, folder: str) -> Iterator[str]:
        """Azure looks for nothing: all secrets of the vault are gone through, 25 at a time."""
        start = f"{self._prefix}-"
        for properties in self._vault.listed():
            tags = properties.tags or {}
            is_ours = str(properties.name).startswith(start) and tags.get(_FOLDER) == folder
            # What Azure manages belongs to a certificate object.
            if is_ours and tags.get(_NAME) and not properties.managed:
                yield tags[_NAME]

    def legacy(self) -> Iterator[str]:
        for properties in self._vault.listed():
            name, tags = str(properties.name), properties.tags or {}
            domain = tags.get("domain", "")
            if domain and name == legacy.azure_name(f"{legacy.AZURE_PREFIX}-{domain}"):
                yield domain
            elif legacy.is_azure_certificate(name) and properties.enabled is not False:
                yield from filter(None, [legacy.azure_domain(name, self._allowed_text(name))])

    def read_legacy(self, domain: str) -> Document | None:
        def spelt(file: str) -> str:
            return legacy.azure_name(legacy.piece(legacy.AZURE_PREFIX, domain, file))

        texts = {file: self._text(spelt(file)) for file in legacy.FILES}
        if texts[legacy.CERTIFICATE]:
            return legacy.document(texts, self._text(spelt(legacy.METADATA)))
        name = legacy.azure_name(f"{legacy.AZURE_PREFIX}-{domain}")
        found = self._vault.run("Reading", "get", lambda client: client.get_secret(name))
        if found is None:
            return None
        return legacy.object_document(found.value or "", found.properties.tags or {})

    def _allowed_text(self, secret: str) -> str:
        """Nothing of a secret that one may not read, which stops no listing of the others."""
        try:
            return self._text(secret)
        except UpstreamRejected as error:
            logger.warning("A secret of the vault is left out: %s", error.detail)
            return ""

    def _text(self, secret: str) -> str:
        found = self._vault.run("Reading", "get", lambda client: client.get_secret(secret))
        return found.value or "" if found is not None else ""

    def _secret(self, folder: str, name: str) -> str:
        return secret_name(self._prefix, f"{folder}/{name}")


class Vault:
    """A client of one vault's secrets or certificates, made when it is first used."""

    def __init__(self, values: Mapping[str, str], noun: str = "secret") -> None:
        self._values, self._trust, self._noun = values, trust(values), noun
        self._made: Any = None

    def run(
        self, doing: str, permission: str, call: Callable[[Any], T], *, taken: bool = False
    ) -> T | None:
        """What the call answers; None where there is none of the name, or (`taken`) a deleted
        one.
        """
        client = self._client()
        from azure.core import exceptions

        nouns = f"{self._noun}s"
        needs = f"{permission} on {nouns} of the vault (role Key Vault {nouns.title()} Officer)"
        try:
            return call(client)
        except exceptions.ResourceNotFoundError:
            return None
        except exceptions.ClientAuthenticationError as error:
            cause = error.__cause__
            if isinstance(cause, exceptions.ServiceRequestError | exceptions.ServiceResponseError):
                # The machine's metadata service was silent.
                raise unreached(cause, doing) from None
            raise not_signed_in(_WHY_NOT[self._values["auth"]]) from None
        except exceptions.HttpResponseError as error:
            if taken and error.status_code == 409:
                return None
            if error.status_code == 409:
                raise brief(doing, f"the {self._noun} is being deleted or recovered") from None
            raise answered(error.status_code or 500, doing, needs=needs) from None
        except exceptions.AzureError as error:
            raise unreached(error, doing) from None

    def delete(self, name: str) -> None:
        """Delete and purge: what is only deleted can be recovered for up to 90 days.

        In a vault with purge protection it stays so until then, whatever anybody does.
        """

        def delete(client: Any) -> Any:
            poller = self._method("begin_delete", name)(client)
            poller.wait(_WAIT_SECONDS)
            return poller.result()

        self.run("Deleting", "delete", delete)
        # Asked for again: an earlier attempt may have ended between the two steps.
        deleted = self.run("Deleting", "get", self._method("get_deleted", name))
        level = str(deleted.properties.recovery_level).lower() if deleted is not None else ""
        if "purgeable" in level:
            self.run("Deleting", "purge", self._method("purge_deleted", name))

    def recover(self, name: str) -> None:
        recover = self._method("begin_recover_deleted", name)
        self.run("Writing", "recover", lambda client: recover(client).wait(_WAIT_SECONDS))

    def _method(self, verb: str, name: str) -> Callable[[Any], Any]:
        """The clients of both kinds have the same methods, by another noun."""
        return lambda client: getattr(client, f"{verb}_{self._noun}")(name)

    def listed(self) -> Iterator[Any]:
        found = self.run("Listing", "list", lambda client: client.list_properties_of_secrets())
        while found is not None:
            # The SDK asks for a page when the one before is used up.
            properties = self.run("Listing", "list", partial(_next, found))
            if properties is None:
                return
            yield properties

    def _client(self) -> Any:
        if self._made is None:
            self._made = self._make()
        return self._made

    def _make(self) -> Any:
        try:
            from azure.core.pipeline.transport import RequestsTransport
            from azure.identity import ClientSecretCredential, ManagedIdentityCredential

            kind = _client_class(self._noun)
        except ImportError:
            raise missing_sdk(f"azure-keyvault-{self._noun}s") from None
        values = self._values

        def transport(url: str) -> Any:
            return RequestsTransport(session=session(url, self._trust), session_owner=False)

        # `failures.attempt` is the one place that tries again.
        common: dict[str, Any] = {"retry_total": 0}
        credential: Any
        if values["auth"] == "managed-identity":
            credential = ManagedIdentityCredential(
                client_id=values.get("client_id"),
                connection_timeout=connections.CONNECT_SECONDS,
                read_timeout=connections.READ_SECONDS,
                **common,
            )
        else:
            credential = ClientSecretCredential(
                values["tenant_id"],
                values["client_id"],
                values["client_secret"],
                authority=values["login_url"],
                disable_instance_discovery=not _is_public_login(values),
                transport=transport(values["login_url"]),
                **common,
            )
        return kind(
            values["vault_url"],
            credential,
            verify_challenge_resource=_is_azure(values),
            transport=transport(values["vault_url"]),
            **common,
        )


def _client_class(noun: str) -> Any:
    if noun == "certificate":
        from azure.keyvault.certificates import CertificateClient

        return CertificateClient
    from azure.keyvault.secrets import SecretClient

    return SecretClient


def _next(found: Iterator[Any], _client: Any) -> Any:
    return next(found, None)


def _is_azure(values: Mapping[str, str]) -> bool:
    return (urlsplit(values["vault_url"]).hostname or "").endswith(_VAULTS)


def _is_public_login(values: Mapping[str, str]) -> bool:
    return urlsplit(values["login_url"]).hostname in _LOGINS


_SESSION = (
    *("vault_url", "auth", "tenant_id", "client_id", "client_secret", "login_url"),
    CA_BUNDLE.name,
)


def build(values: Mapping[str, str], _places: OwnPlaces) -> Backend:
    for name in ("vault_url", "login_url"):
        check_endpoint(values, name)
        if not values[name].startswith("https://"):
            raise InvalidRequest(
                "Azure is asked by https only.",
                code="storage.endpoint",
                field=f"parameters.{name}",
            )
    wanted = ("tenant_id", "client_id", "client_secret")
    missing = [name for name in wanted if name not in values]
    if values["auth"] == "client-secret" and missing:
        raise InvalidRequest(
            "Signing in with a client secret needs this.",
            code="storage.parameters",
            field=f"parameters.{missing[0]}",
        )
    if values["auth"] == "managed-identity" and not _is_azure(values):
        # Any other server would be handed a token of this machine.
        raise InvalidRequest(
            "The machine's identity is shown to vaults of Azure only.",
            code="storage.endpoint",
            field="parameters.vault_url",
        )
    if not _PREFIX.fullmatch(values["prefix"]):
        raise InvalidRequest(
            "The prefix has 1 to 20 letters and digits.",
            code="storage.parameters",
            field="parameters.prefix",
        )
    vault = CLIENTS.get(SPEC.slug, values, _SESSION, lambda: Vault(values))
    shelf = KeyVaultShelf(vault, values)
    # A target may be older than this parameter.
    if values.get("certificate_objects") != "server":
        return ShelfBackend(shelf)
    slug = f"{SPEC.slug}-certificates"
    vault = CLIENTS.get(slug, values, _SESSION, lambda: Vault(values, "certificate"))
    return ObjectsBackend(shelf, CertificateObjects(vault, partial(secret_name, values["prefix"])))


SPEC = BackendSpec(
    slug="azure-key-vault",
    label="Azure Key Vault",
    help="Secrets of a vault; longer bundles are split.",
    build=build,
    parameters=(
        Parameter(name="vault_url", label="Vault URL", help="https://NAME.vault.azure.net"),
        Parameter(
            name="auth",
            label="Sign-in",
            choices=("client-secret", "managed-identity"),
            default="client-secret",
            required=False,
        ),
        Parameter(name="tenant_id", label="Tenant id", required=False),
        Parameter(
            name="client_id",
            label="Client id",
            help="Of the application, or of a user-assigned identity.",
            required=False,
        ),
        Parameter(name="client_secret", label="Client secret", secret=True, required=False),
        Parameter(
            name="login_url",
            label="Login URL",
            help="Of another cloud than the public one.",
            default=PUBLIC_LOGIN,
            required=False,
        ),
        Parameter(name="prefix", label="Prefix of the names", default="certmate", required=False),
        Parameter(
            name="certificate_objects",
            label="Certificate objects",
            help="Of the current server bundles, for services of Azure to bind to.",
            choices=("none", "server"),
            default="none",
            required=False,
        ),
        CA_BUNDLE,
    ),
    location=("vault_url", "prefix"),
    place=lambda values: (address_of(values["vault_url"]), values["prefix"]),
    as_machine=lambda values: values["auth"] == "managed-identity",
    endpoints=("login_url",),
)
