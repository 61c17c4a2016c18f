"""Vault's own ways: signing in, staying signed in, namespaces, and what it keeps by itself."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from certmate.access.actors import Actor
from certmate.core.errors import InvalidRequest, UpstreamRejected
from storage import services
from storage.backends.base import Backend, BundleRef, OwnPlaces
from storage.backends.connections import CLIENTS
from storage.backends.vault_session import VaultSession
from tests.servers.authority import server_identity
from tests.servers.openbao import SERVICE_ACCOUNT_TOKEN, VaultWorld
from tests.servers.standin import Reply, Request, serving
from tests.storage import places
from tests.storage.bundles import issue

REF = BundleRef("server", "*.example.com")

Make = Callable[..., Backend]


@pytest.fixture
def make(request: pytest.FixtureRequest, own_places: OwnPlaces) -> Make:
    given = places.parameters("vault", request)

    def build(**changed: str) -> Backend:
        return places.build("vault", given | changed, own_places)

    return build


def test_the_least_policy_of_the_documentation_is_enough(
    vault_server: VaultWorld, make: Make
) -> None:
    backend = make(token=vault_server.bao.new_token())
    first, second = issue(), issue()
    backend.put(REF, first)
    backend.put(REF, second)
    backend.delete(REF, first.fingerprint)
    assert list(backend.list()) == [REF]
    backend.probe()
    backend.delete(REF)


def test_a_missing_permission_is_named(vault_server: VaultWorld, make: Make) -> None:
    token = vault_server.bao.new_token(policies=["default"])
    with pytest.raises(UpstreamRejected) as caught:
        make(token=token, path="certmate/x").put(REF, issue())
    assert caught.value.code == "storage.forbidden"
    wanted = "create and update on secret/data/certmate/x/server/_wildcard.example.com"
    assert wanted in caught.value.detail


@pytest.mark.parametrize("change", [{}, {"secret_id": "wrong"}, {"role_id": "wrong"}])
def test_an_approle_signs_in(vault_server: VaultWorld, make: Make, change: dict[str, str]) -> None:
    role = {"role_id": vault_server.role_id, "secret_id": vault_server.secret_id}
    backend = make(auth="approle", **(role | change))
    if not change:
        backend.put(REF, issue())
        assert list(backend.list()) == [REF]
        return
    with pytest.raises(UpstreamRejected) as caught:
        backend.put(REF, issue())
    assert caught.value.code == "storage.credentials"


def test_an_approle_signs_in_again_when_its_token_is_gone(
    vault_server: VaultWorld, make: Make
) -> None:
    role = {"role_id": vault_server.role_id, "secret_id": vault_server.secret_id}
    backend = make(auth="approle", **role)
    backend.put(REF, issue())
    (session,) = [
        made
        for made in CLIENTS._made.values()
        if isinstance(made, VaultSession)
        and made._values.get("role_id") == role["role_id"]
        and made._values["secret_id"] == role["secret_id"]
    ]
    vault_server.bao.call("auth/token/revoke", token=session._client.token)
    assert list(backend.list()) == [REF]


def test_a_bare_token_that_has_expired_is_told(vault_server: VaultWorld, make: Make) -> None:
    token = vault_server.bao.new_token()
    backend = make(token=token)
    backend.put(REF, issue())
    vault_server.bao.call("auth/token/revoke", token=token)
    with pytest.raises(UpstreamRejected) as caught:
        backend.get(REF)
    assert caught.value.code == "storage.credentials"
    assert token not in caught.value.detail


def test_a_token_is_renewed_with_half_of_its_lifetime_left(
    vault_server: VaultWorld, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("storage.backends.vault_session.time.monotonic", lambda: now[0])
    token = vault_server.bao.new_token(ttl="1h", explicit_max_ttl="10h", period="1h")
    backend = make(token=token)
    backend.put(REF, issue())
    before = _expires(vault_server, token)
    now[0] += 1700
    backend.get(REF)
    assert _expires(vault_server, token) == before
    now[0] += 200
    backend.get(REF)
    assert _renewed(vault_server, token)


def _expires(world: VaultWorld, token: str) -> Any:
    return world.bao.call("auth/token/lookup", token=token)["data"]["expire_time"]


def _renewed(world: VaultWorld, token: str) -> bool:
    return "last_renewal" in world.bao.call("auth/token/lookup", token=token)["data"]


def test_kubernetes_signs_in_with_the_token_that_the_operator_names(
    own_places: OwnPlaces, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    given = places.parameters("vault", request) | {"auth": "kubernetes", "role": "certmate"}
    token = tmp_path / "token"
    token.write_text(SERVICE_ACCOUNT_TOKEN + "\n")
    allowed = OwnPlaces(own_places.data_dir, own_places.database, token)
    places.build("vault", given, allowed).put(REF, issue())
    CLIENTS._made.clear()
    with pytest.raises(UpstreamRejected) as caught:
        places.build("vault", given, own_places).get(REF)
    assert caught.value.code == "storage.credentials"
    assert "CERTMATE_KUBERNETES_TOKEN_FILE" in caught.value.detail


def test_a_namespace_is_a_place_of_its_own(make: Make) -> None:
    within, without = make(namespace="team"), make()
    within.put(REF, issue())
    assert list(within.list()) == [REF]
    assert list(without.list()) == []


def test_a_ca_bundle_is_trusted_alone(make: Make, tmp_path: Path) -> None:
    ours, other = server_identity(tmp_path / "ours"), server_identity(tmp_path / "other")

    def answer(request: Request) -> Reply:
        if request.target.endswith("lookup-self"):
            return Reply(200, {"data": {"ttl": 0}})
        return Reply(404, {"errors": []})

    with serving(answer, ours) as address:
        assert make(url=address, ca_bundle=ours.root_pem).versions(REF) == []
        for pem in (other.root_pem, ""):
            with pytest.raises(UpstreamRejected) as caught:
                make(url=address, ca_bundle=pem).versions(REF)
            assert caught.value.code == "storage.untrusted"


def test_deleting_leaves_nothing_in_the_history_of_the_engine(
    vault_server: VaultWorld, make: Make, request: pytest.FixtureRequest
) -> None:
    given = places.parameters("vault", request)
    backend = make(path=given["path"])
    first, second = issue(), issue()
    for bundle in (first, second):
        backend.put(REF, bundle)
    path = f"{given['path']}/server/_wildcard.example.com"
    before = vault_server.bao.read(f"secret/data/{path}?version=1")
    assert (first.privkey or "no key") in json.dumps(before).replace("\\n", "\n")
    backend.delete(REF, first.fingerprint)
    states = vault_server.bao.read(f"secret/metadata/{path}")["data"]["versions"]
    assert [states[number]["destroyed"] for number in sorted(states)] == [True, False]
    assert backend.get(REF) == second
    backend.delete(REF)
    with pytest.raises(RuntimeError):
        vault_server.bao.read(f"secret/metadata/{path}")


def test_what_somebody_deleted_in_the_engine_is_written_again(
    vault_server: VaultWorld, make: Make, request: pytest.FixtureRequest
) -> None:
    given = places.parameters("vault", request)
    backend, bundle = make(path=given["path"]), issue()
    backend.put(REF, bundle)
    path = f"{given['path']}/server/_wildcard.example.com"
    vault_server.bao.call(f"secret/delete/{path}", versions=[1])
    backend.put(REF, bundle)
    assert backend.get(REF) == bundle


def test_other_programs_read_the_files_by_name(
    vault_server: VaultWorld, make: Make, request: pytest.FixtureRequest
) -> None:
    given = places.parameters("vault", request)
    bundle = issue()
    make(path=given["path"]).put(REF, bundle)
    found = vault_server.bao.read(f"secret/data/{given['path']}/server/_wildcard.example.com")
    data = found["data"]["data"]
    assert data["files"]["fullchain.pem"] == bundle.fullchain
    assert data["metadata"] == bundle.metadata


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "ftp://vault.test"}, "url"),
        ({"auth": "approle"}, "role_id"),
        ({"auth": "kubernetes"}, "role"),
        ({"token": ""}, "token"),
        ({"mount": "../sys"}, "mount"),
        ({"path": "a b"}, "path"),
        ({"ca_bundle": "no PEM"}, "ca_bundle"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(
    make: Make, change: dict[str, str], field: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        make(**change)
    assert caught.value.field == f"parameters.{field}"


def test_another_engine_at_the_mount_is_told(make: Make) -> None:
    backend = make(mount="one")
    with pytest.raises(UpstreamRejected) as caught:
        backend.probe()
    assert caught.value.code == "storage.rejected"
    assert "KV engine" in caught.value.detail


def test_tokens_that_nobody_uses_are_looked_at(
    vault_server: VaultWorld, own_places: OwnPlaces
) -> None:
    for name, token in (("good", vault_server.bao.token), ("bad", "no-token")):
        services.create_target(
            actor=Actor.system(),
            name=name,
            backend="vault",
            parameters={"url": vault_server.bao.address, "token": token, "path": f"touched/{name}"},
        )
    assert services.touch_targets() == 1
