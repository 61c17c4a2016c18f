"""Signing in as the machine itself, by what its cloud offers it on the wire."""

import os
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from certmate.core.errors import UpstreamRejected, UpstreamUnavailable
from storage.backends import connections
from storage.backends.base import Backend, BundleRef, OwnPlaces
from storage.backends.connections import CLIENTS
from tests.servers.azure_kv import AZURE_NAME, KeyVault
from tests.servers.machine import Machine, machine
from tests.servers.moto_aws import ACCESS_KEY, AWS, BUCKET, SECRET_KEY
from tests.servers.standin import Reply, Request, serving
from tests.storage import places
from tests.storage.bundles import issue

REF = BundleRef("server", "www.example.com")
USER_ASSIGNED = "0d3f1f53-6a6e-4d0c-8f0b-1f6a3f0e9b77"

Make = Callable[..., Backend]
Enter = Callable[[dict[str, str]], None]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """A machine in a cloud, which nothing else in this environment tells who it is."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "AZURE_", "IDENTITY_"))]:
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    CLIENTS._made.clear()
    with machine() as made:
        yield made
    CLIENTS._made.clear()


@pytest.fixture
def enter(monkeypatch: pytest.MonkeyPatch) -> Enter:
    """Makes this process one on the machine."""

    def set_all(environment: dict[str, str]) -> None:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)

    return set_all


@pytest.fixture
def in_aws(aws_server: AWS, own_places: OwnPlaces) -> Make:
    """Makes the backend of a place in S3 for a sign-in."""
    given = {"endpoint_url": aws_server.address, "bucket": BUCKET}
    given["prefix"] = f"certmate/{secrets.token_hex(6)}"
    return lambda **sign_in: places.build("s3", given | sign_in, own_places)


@pytest.fixture
def _renewed_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """A role's credentials are renewed before each use, and not some minutes before their end."""
    for name in ("_advisory_refresh_timeout", "_mandatory_refresh_timeout"):
        monkeypatch.setattr(f"botocore.credentials.RefreshableCredentials.{name}", 100_000)


def require_round_trip(backend: Backend) -> None:
    bundle = issue()
    backend.put(REF, bundle)
    assert backend.get(REF) == bundle


@pytest.mark.usefixtures("_renewed_early")
@pytest.mark.parametrize("of", ["container", "instance"])
def test_the_role_of_the_machine_signs_in_to_aws_and_is_renewed(
    of: str, host: Machine, enter: Enter, aws_server: AWS, in_aws: Make
) -> None:
    enter(getattr(host, of)())
    backend = in_aws(use_ambient_credentials="true")
    for session in ("session-1", "session-2"):
        host.session = aws_server.session = session
        require_round_trip(backend)


@pytest.mark.parametrize("of", ["container", "instance"])
def test_a_machine_without_a_role_is_told(
    of: str, host: Machine, enter: Enter, in_aws: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(getattr(host, of)())
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    with pytest.raises(UpstreamRejected) as caught:
        in_aws(use_ambient_credentials="true").get(REF)
    assert caught.value.code == "storage.credentials"


def test_a_profile_of_the_machine_signs_in_to_aws(host: Machine, in_aws: Make) -> None:
    keys = f"aws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n"
    Path(os.environ["AWS_SHARED_CREDENTIALS_FILE"]).write_text(f"[ops]\n{keys}")
    require_round_trip(in_aws(profile="ops"))
    with pytest.raises(UpstreamRejected) as caught:
        in_aws(profile="other").get(REF)
    assert caught.value.code == "storage.credentials"


@pytest.fixture
def in_azure(
    host: Machine,
    azure_server: KeyVault,
    own_places: OwnPlaces,
    monkeypatch: pytest.MonkeyPatch,
) -> Make:
    """Makes the backend of the stand-in under a name of Azure's, since no other vault is shown the
    machine's identity. Where that name leads to is all that is made up.
    """
    port, resolve = int(azure_server.address.rpartition(":")[2]), socket.getaddrinfo

    def resolved(name: Any, *given: Any, **kwargs: Any) -> Any:
        if name != AZURE_NAME:
            return resolve(name, *given, **kwargs)
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port))]

    def token() -> str:
        azure_server.tokens.add(made := secrets.token_hex(16))
        return made

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    host.token = token
    given = {"vault_url": f"https://{AZURE_NAME}", "auth": "managed-identity"}
    given["ca_bundle"] = azure_server.parameters["ca_bundle"]
    return lambda **changed: places.build("azure-key-vault", given | changed, own_places)


@pytest.mark.parametrize("client_id", ["", USER_ASSIGNED])
@pytest.mark.parametrize("of", ["app_service", "virtual_machine"])
def test_the_identity_of_the_machine_signs_in_to_a_vault_of_azure(
    of: str, client_id: str, host: Machine, enter: Enter, in_azure: Make
) -> None:
    enter(getattr(host, of)())
    host.identities = {client_id}
    require_round_trip(in_azure(client_id=client_id, certificate_objects="server"))


@pytest.mark.parametrize("of", ["app_service", "virtual_machine"])
def test_a_machine_without_an_identity_is_told(
    of: str, host: Machine, enter: Enter, in_azure: Make
) -> None:
    enter(getattr(host, of)())
    with pytest.raises(UpstreamRejected) as caught:
        in_azure().get(REF)
    assert caught.value.code == "storage.credentials"
    assert "this machine has no such identity" in caught.value.detail


@pytest.mark.parametrize("of", ["app_service", "virtual_machine"])
def test_a_metadata_service_that_is_silent_is_given_up_for_a_while(
    of: str, host: Machine, enter: Enter, in_azure: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "READ_SECONDS", 0.2)
    heard = threading.Event()

    def silent(_: Request) -> Reply:
        heard.wait(10)
        return Reply(200, {})

    with serving(silent) as address:
        host.address = address
        enter(getattr(host, of)())
        try:
            with pytest.raises(UpstreamUnavailable) as caught:
                in_azure().get(REF)
        finally:
            heard.set()
    assert caught.value.code == "storage.unavailable"
