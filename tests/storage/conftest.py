"""A data directory of its own for every test of storage, and servers for all of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.backends import failures
from storage.backends.base import Backend, OwnPlaces
from storage.backends.local import LocalBackend
from storage.database import DatabaseBackend
from storage.models import StorageTarget
from tests.servers.azure_kv import KeyVault, key_vault
from tests.servers.infisical import Infisical, infisical
from tests.servers.moto_aws import AWS, aws
from tests.servers.openbao import VaultWorld, vault_world
from tests.storage import places


@pytest.fixture(autouse=True)
def _own_data_dir(data_dir: Path) -> None:
    """Every test of storage has one."""


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "PAUSE", 0.0)


@pytest.fixture
def root(data_dir: Path) -> Path:
    return data_dir / "certificates"


@pytest.fixture
def local(root: Path) -> LocalBackend:
    return LocalBackend(root)


@pytest.fixture
def own_places(db: None, data_dir: Path) -> OwnPlaces:
    target = StorageTarget.objects.create(name="tested", backend="database")
    return OwnPlaces(data_dir=data_dir, database=DatabaseBackend(target.pk))


@pytest.fixture(params=sorted(places.CASES))
def backend(request: pytest.FixtureRequest, own_places: OwnPlaces) -> Backend:
    """A backend of each kind, with an empty place."""
    case: str = request.param
    return places.build(case, places.parameters(case, request), own_places)


@pytest.fixture(scope="session")
def vault_server() -> Iterator[VaultWorld]:
    with vault_world() as world:
        yield world


@pytest.fixture(scope="session")
def aws_world() -> Iterator[AWS]:
    with aws() as server:
        yield server


@pytest.fixture
def aws_server(aws_world: AWS) -> Iterator[AWS]:
    yield aws_world
    aws_world.denied.clear()
    aws_world.session = ""


@pytest.fixture(scope="session")
def azure_world() -> Iterator[KeyVault]:
    with key_vault() as vault:
        yield vault


@pytest.fixture
def azure_server(azure_world: KeyVault) -> Iterator[KeyVault]:
    yield azure_world
    azure_world.clear()


@pytest.fixture(scope="session")
def infisical_world() -> Iterator[Infisical]:
    with infisical() as server:
        yield server


@pytest.fixture
def infisical_server(infisical_world: Infisical) -> Iterator[Infisical]:
    yield infisical_world
    infisical_world.denied.clear()
    infisical_world.needs_approval = False
    # Each test has a folder of its own; what CertMate 2.x leaves is in the one of all.
    for path, name in [*infisical_world.values]:
        if path == "/":
            del infisical_world.values[path, name]
