"""What the contract promises beyond one writer and one small bundle, asked of each kind."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from django.db import connection

from certmate.core.errors import (
    CertMateError,
    InvalidRequest,
    UpstreamRejected,
    UpstreamUnavailable,
)
from certmate.pki.bundle import Bundle
from storage.backends import connections, s3
from storage.backends.base import Backend, BundleRef, OwnPlaces
from storage.backends.failures import ATTEMPTS
from tests.servers.authority import ServerIdentity
from tests.servers.process import free_port
from tests.servers.standin import Reply, Request, serving
from tests.storage import places
from tests.storage.bundles import issue, large

REF = BundleRef("server", "www.example.com")
LONG = BundleRef("server", "*." + ".".join(["a" * 60] * 3) + ".a-b.example.com")
CANARY = "secret-canary-91b7"

ADDRESS = {
    "vault": "url",
    "vault-kv1": "url",
    "aws-secrets-manager": "endpoint_url",
    "s3": "endpoint_url",
    "azure-key-vault": "vault_url",
    "azure-key-vault-objects": "vault_url",
    "infisical": "site_url",
}
SECRET = {
    "vault": "token",
    "vault-kv1": "token",
    "aws-secrets-manager": "access_key_id",
    "s3": "access_key_id",
    "azure-key-vault": "client_secret",
    "azure-key-vault-objects": "client_secret",
    "infisical": "client_secret",
}


@dataclass(frozen=True)
class Remote:
    """A remote place of one kind, which may be given another address or secret."""

    case: str
    given: dict[str, str]
    own_places: OwnPlaces
    identity: ServerIdentity | None

    def backend(self, *, address: str = "", secret: str = "") -> Backend:
        changed = {ADDRESS[self.case]: address} if address else {}
        changed |= {SECRET[self.case]: secret} if secret else {}
        return places.build(self.case, self.given | changed, self.own_places)


@pytest.fixture(params=places.REMOTE)
def remote(request: pytest.FixtureRequest, own_places: OwnPlaces) -> Remote:
    case: str = request.param
    given = places.parameters(case, request)
    # Azure's SDK speaks https only.
    identity = request.getfixturevalue("azure_server").identity if "azure" in case else None
    return Remote(case, given, own_places, identity)


def test_a_large_bundle_comes_back_as_it_was(backend: Backend) -> None:
    backend.put(REF, large())
    assert backend.get(REF) == large()
    backend.put(REF, issue())
    assert backend.get(REF, large().fingerprint) == large()
    backend.delete(REF)
    assert backend.versions(REF) == []


def test_the_longest_names_are_stored_and_listed(backend: Backend) -> None:
    assert len(LONG.name) > 195
    beside = BundleRef("server", LONG.name.removeprefix("*."))
    bundles = {LONG: issue(), beside: issue()}
    for ref, bundle in bundles.items():
        backend.put(ref, bundle)
        backend.put(ref, issue())
        backend.put(ref, bundle)
    assert {ref: backend.get(ref) for ref in backend.list()} == bundles
    backend.delete(LONG)
    assert list(backend.list()) == [beside]


def test_a_listing_goes_through_all_pages(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Pages of S3 have 1,000; those of the others are passed by these.
    monkeypatch.setattr(s3, "PAGE", 100)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    refs = {BundleRef("server", f"host-{number}.example.com") for number in range(300)}
    bundle = issue()
    for ref in refs:
        backend.put(ref, bundle)
    assert sorted(backend.list()) == sorted(refs)


@pytest.mark.django_db(transaction=True)
def test_of_concurrent_writers_none_loses_his_version(backend: Backend) -> None:
    bundles = [issue() for _ in range(6)]
    barrier = threading.Barrier(3)

    def write(some: list[Bundle]) -> None:
        barrier.wait()
        for bundle in some:
            backend.put(REF, bundle)
        connection.close()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(write, [bundles[:2], bundles[2:4], bundles[4:]]))
    assert backend.get(REF) in bundles
    assert sorted(backend.versions(REF)) == sorted(each.fingerprint for each in bundles)
    for bundle in bundles:
        assert backend.get(REF, bundle.fingerprint) == bundle


@pytest.mark.django_db(transaction=True)
def test_a_reader_during_writes_gets_one_whole_version(backend: Backend) -> None:
    bundles = [issue() for _ in range(4)]
    backend.put(REF, bundles[0])

    def write() -> None:
        for bundle in bundles[1:]:
            backend.put(REF, bundle)
        connection.close()

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while not writing.done():
            assert backend.get(REF) in bundles
        writing.result()
    assert backend.get(REF) == bundles[-1]


def test_wrong_credentials_are_told_and_not_repeated(remote: Remote) -> None:
    for use in _uses(remote.backend(secret=CANARY)):
        with pytest.raises(UpstreamRejected) as caught:
            use()
        assert caught.value.code == "storage.credentials"
        assert CANARY not in f"{caught.value} {caught.value.detail}"


def test_a_host_that_is_away_fails_for_a_while(remote: Remote) -> None:
    scheme = "https" if remote.identity else "http"
    for use in _uses(remote.backend(address=f"{scheme}://127.0.0.1:{free_port()}")):
        with pytest.raises(UpstreamUnavailable) as caught:
            use()
        assert caught.value.code == "storage.unavailable"


def test_a_silent_host_is_given_up(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "READ_SECONDS", 0.2)
    heard = threading.Event()

    def silent(_: Request) -> Reply:
        heard.wait(10)
        return Reply(200, {})

    with serving(silent, remote.identity) as address:
        try:
            with pytest.raises(UpstreamUnavailable) as caught:
                remote.backend(address=address).get(REF)
        finally:
            heard.set()
    assert caught.value.code == "storage.unavailable"


def test_a_busy_server_is_asked_again_and_not_quoted(remote: Remote) -> None:
    asked: list[str] = []

    def busy(request: Request) -> Reply:
        asked.append(request.target)
        return Reply(503, {"message": CANARY, "errors": [CANARY]})

    with serving(busy, remote.identity) as address, pytest.raises(UpstreamUnavailable) as caught:
        remote.backend(address=address).get(REF)
    assert len(asked) >= ATTEMPTS
    assert CANARY not in caught.value.detail


def test_a_redirect_is_not_followed(remote: Remote) -> None:
    asked: list[str] = []

    def elsewhere(request: Request) -> Reply:
        asked.append(request.target)
        return Reply(307, None, {"Location": "/elsewhere"})

    with serving(elsewhere, remote.identity) as address, pytest.raises(CertMateError):
        remote.backend(address=address).get(REF)
    assert not [target for target in asked if "elsewhere" in target]


@pytest.mark.parametrize("address", ["169.254.169.254", "[fd00:ec2::254]", "100.100.100.200"])
def test_a_metadata_address_is_never_an_endpoint(remote: Remote, address: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        remote.backend(address=f"https://{address}/")
    assert caught.value.code == "storage.endpoint"


def test_a_name_that_leads_to_a_metadata_address_is_not_called(
    remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address is looked at as it is connected to; here loopback plays the forbidden one."""
    monkeypatch.setattr(connections, "is_forbidden_address", lambda text: text == "127.0.0.1")
    asked: list[str] = []

    def answer(request: Request) -> Reply:
        asked.append(request.target)
        return Reply(200, {})

    with serving(answer, remote.identity) as address, pytest.raises(UpstreamRejected) as caught:
        remote.backend(address=address.replace("127.0.0.1", "localhost")).get(REF)
    assert caught.value.code == "storage.endpoint"
    assert asked == []


def _uses(backend: Backend) -> Iterator[Callable[[], object]]:
    yield lambda: backend.put(REF, issue())
    yield lambda: backend.get(REF)
    yield lambda: list(backend.list())
    yield lambda: backend.delete(REF)
    yield backend.probe
