"""What the contract promises beyond one writer and one small bundle, asked of each kind of place."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache

import pytest

from certmate.core.errors import UpstreamRejected, UpstreamUnavailable
from certmate.pki.bundle import Bundle
from certmate.pki.keys import KeyType
from storage.backends import connections
from storage.backends.base import Backend, BundleRef, OwnPlaces
from tests.servers.process import free_port
from tests.servers.standin import Reply, Request, serving
from tests.storage import places
from tests.storage.bundles import issue

REF = BundleRef("server", "www.example.com")
LONG = BundleRef("server", "*." + ".".join(["a" * 60] * 3) + ".a-b.example.com")
CANARY = "secret-canary-91b7"

ADDRESS = {
    "vault": "url",
    "vault-kv1": "url",
    "aws-secrets-manager": "endpoint_url",
    "s3": "endpoint_url",
    "s3-versions": "endpoint_url",
    "azure-key-vault": "vault_url",
    "infisical": "site_url",
}
SECRET = {
    "vault": "token",
    "vault-kv1": "token",
    "aws-secrets-manager": "access_key_id",
    "s3": "access_key_id",
    "s3-versions": "access_key_id",
    "azure-key-vault": "client_secret",
    "infisical": "client_secret",
}

Make = Callable[..., Backend]


@pytest.fixture(params=places.REMOTE)
def make(request: pytest.FixtureRequest, own_places: OwnPlaces) -> Make:
    """Makes a remote backend of each kind, with some parameters changed."""
    case: str = request.param
    given = places.parameters(case, request)

    def build(*, address: str = "", secret: str = "") -> Backend:
        changed = {ADDRESS[case]: address} if address else {}
        changed |= {SECRET[case]: secret} if secret else {}
        return places.build(case, given | changed, own_places)

    return build


@cache
def large() -> Bundle:
    """64 long names, an RSA-4096 key, and a chain of three."""
    names = [f"{'host-' * 8}{number}.department.example.com" for number in range(64)]
    bundle = issue(names[0], KeyType.RSA4096, also=names[1:])
    told = {"san_domains": names, "note": "Zürich ≠ 東京 \U0001f512", "quotes": '"\\' * 200}
    return replace(bundle, chain=bundle.chain * 3, metadata=told)


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


def test_a_listing_goes_through_all_pages(backend: Backend) -> None:
    refs = {BundleRef("server", f"host-{number}.example.com") for number in range(110)}
    bundle = issue()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda ref: backend.put(ref, bundle), refs))
    assert set(backend.list()) == refs


@pytest.mark.django_db(transaction=True)
def test_of_concurrent_writers_none_loses_his_version(backend: Backend) -> None:
    bundles = [issue() for _ in range(6)]
    barrier = threading.Barrier(3)

    def write(some: list[Bundle]) -> None:
        barrier.wait()
        for bundle in some:
            backend.put(REF, bundle)

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

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while not writing.done():
            assert backend.get(REF) in bundles
        writing.result()
    assert backend.get(REF) == bundles[-1]


def test_wrong_credentials_are_told_and_not_repeated(make: Make) -> None:
    for use in _uses(make(secret=CANARY)):
        with pytest.raises(UpstreamRejected) as caught:
            use()
        assert caught.value.code == "storage.credentials"
        assert CANARY not in f"{caught.value} {caught.value.detail}"


def test_a_host_that_is_away_is_waited_for_by_others(make: Make) -> None:
    scheme = "https" if "azure" in str(make) else "http"
    away = f"{scheme}://127.0.0.1:{free_port()}"
    for use in _uses(make(address=_as_scheme(make, away))):
        with pytest.raises(UpstreamUnavailable) as caught:
            use()
        assert caught.value.code == "storage.unavailable"


def test_a_silent_host_is_given_up(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "READ_SECONDS", 0.2)
    heard = threading.Event()

    def silent(_: Request) -> Reply:
        heard.wait(10)
        return Reply(200, {})

    with serving(silent) as address:
        try:
            with pytest.raises(UpstreamUnavailable) as caught:
                make(address=_as_scheme(make, address)).get(REF)
        finally:
            heard.set()
    assert caught.value.code == "storage.unavailable"


def test_a_server_that_is_busy_for_a_moment_is_asked_again(make: Make) -> None:
    asked: list[str] = []

    def busy(request: Request) -> Reply:
        asked.append(request.target)
        return Reply(503, {"message": CANARY, "errors": [CANARY]})

    with serving(busy) as address, pytest.raises(UpstreamUnavailable) as caught:
        make(address=_as_scheme(make, address)).get(REF)
    assert CANARY not in caught.value.detail


def _as_scheme(make: Make, address: str) -> str:
    return address


def _uses(backend: Backend) -> Iterator[Callable[[], object]]:
    yield lambda: backend.put(REF, issue())
    yield lambda: backend.get(REF)
    yield lambda: list(backend.list())
    yield lambda: backend.delete(REF)
    yield backend.probe
