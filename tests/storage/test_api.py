"""Storage backends and targets over the API."""

from pathlib import Path

import pytest

from certmate.core.errors import UpstreamUnavailable
from certmate.core.parameters import MASK, Parameter
from storage.backends.base import BackendSpec, BundleRef
from storage.catalogue import CATALOGUE
from storage.models import StorageTarget
from storage.services import store
from tests.caller import Caller, problem
from tests.cast import Cast
from tests.storage.bundles import issue

pytestmark = pytest.mark.django_db

CANARY = "canary-token-77aa"
PATH = "/api/storage-targets"


@pytest.fixture
def owner(cast: Cast) -> Caller:
    return Caller(cast.owner)


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> BackendSpec:
    """A backend with a secret, as vaults have."""
    spec = BackendSpec(
        slug="remote",
        label="Remote",
        build=lambda _parameters, places: places.database,
        parameters=(
            Parameter(name="address", label="Address"),
            Parameter(name="token", label="Token", secret=True),
        ),
        location=("address",),
    )
    monkeypatch.setitem(CATALOGUE, spec.slug, spec)
    return spec


def test_the_backends_are_listed_with_their_parameters(cast: Cast, remote: BackendSpec) -> None:
    caller = Caller(cast.outsider, "read")
    listed = caller.get("/api/storage-backends").json()["results"]
    assert {entry["slug"] for entry in listed} == set(CATALOGUE)
    entry = caller.get("/api/storage-backends/remote").json()
    assert [(p["name"], p["secret"]) for p in entry["parameters"]] == [
        ("address", False),
        ("token", True),
    ]


@pytest.mark.usefixtures("remote")
def test_a_target_is_made_changed_and_shows_no_secret(owner: Caller) -> None:
    parameters = {"address": "https://vault.test", "token": CANARY}
    answer = owner.post(PATH, name="vault", backend="remote", parameters=parameters)
    assert answer.status_code == 201, answer.content
    assert answer["Location"].endswith(f"{PATH}/vault")
    assert answer.json()["parameters"] == {"address": "https://vault.test", "token": MASK}
    changed = owner.patch(
        f"{PATH}/vault", parameters={"address": "https://vault.test", "token": MASK}, team=""
    )
    assert changed.status_code == 200, changed.content
    assert StorageTarget.objects.get(name="vault").parameters["token"] == CANARY
    assert CANARY not in str(owner.get(PATH).json())


@pytest.mark.usefixtures("remote")
@pytest.mark.parametrize("token", [{}, {"token": MASK}])
def test_a_secret_does_not_go_to_another_place_unseen(owner: Caller, token: dict[str, str]) -> None:
    parameters = {"address": "https://vault.test", "token": CANARY}
    owner.post(PATH, name="vault", backend="remote", parameters=parameters)
    moved = {"address": "https://elsewhere.test"}
    answer = owner.patch(f"{PATH}/vault", parameters=moved | token)
    document = problem(answer, 400, "storage.secret_needed")
    assert list(document["errors"]) == ["parameters.token"]
    answer = owner.patch(f"{PATH}/vault", parameters=moved | {"token": "new"})
    assert answer.json()["parameters"]["address"] == "https://elsewhere.test"


def test_one_target_is_the_default(owner: Caller) -> None:
    assert owner.post(PATH, name="rows", backend="database", is_default=True).status_code == 201
    rows = owner.get(f"{PATH}?is_default=true").json()["results"]
    assert [row["name"] for row in rows] == ["rows"]
    assert owner.get(f"{PATH}/local").json()["is_default"] is False


def test_a_target_is_verified_and_a_failure_is_the_answer(
    owner: Caller, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = owner.post(f"{PATH}/local/verify")
    assert answer.status_code == 200, answer.content
    assert answer.json()["verified_at"].endswith("Z")

    def fail(_: object) -> None:
        raise UpstreamUnavailable("The disk is full.", code="storage.unavailable")

    monkeypatch.setattr("storage.backends.local.LocalBackend.probe", fail)
    problem(owner.post(f"{PATH}/local/verify"), 503, "storage.unavailable")
    assert owner.get(f"{PATH}/local").json()["verification_error"] == "The disk is full."


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"name": "no slug"}, "name", "request.invalid"),
        ({"backend": "tape"}, "backend", "storage.unknown_backend"),
        ({"parameters": {"x": "y"}}, "parameters.x", "parameters.unknown"),
        ({"parameters": []}, "parameters", "request.invalid"),
        ({"colour": "x"}, "colour", "request.unknown_field"),
        ({"team": "x"}, "team", "team.unknown"),
        ({"is_default": 1}, "is_default", "request.invalid"),
    ],
)
def test_bad_input_names_its_field_and_stores_nothing(
    owner: Caller, change: dict[str, object], field: str, code: str
) -> None:
    before = StorageTarget.objects.count()
    body = {"name": "new", "backend": "database"} | change
    document = problem(owner.send("POST", PATH, body), 400, code)
    assert list(document["errors"]) == [field]
    assert StorageTarget.objects.count() == before


def test_a_target_keeps_its_name_and_backend(owner: Caller) -> None:
    owner.post(PATH, name="rows", backend="database")
    problem(owner.post(PATH, name="rows", backend="database"), 409, "request.taken")
    problem(owner.patch(f"{PATH}/rows", name="other"), 400, "request.fixed")
    problem(owner.put(f"{PATH}/rows", name="rows", backend="local"), 400, "request.fixed")
    assert owner.put(f"{PATH}/rows", name="rows", backend="database").status_code == 200


def test_a_target_that_holds_bundles_is_not_deleted(owner: Caller) -> None:
    owner.post(PATH, name="rows", backend="database")
    target = StorageTarget.objects.get(name="rows")
    store(target=target, ref=BundleRef("server", "www.example.test"), bundle=issue())
    problem(owner.delete(f"{PATH}/rows"), 409, "storage.in_use")
    target.bundles.all().delete()
    assert owner.delete(f"{PATH}/rows").status_code == 204


def test_only_administrators_write_and_outsiders_see_nothing(cast: Cast) -> None:
    for caller in (Caller(cast.operator), Caller(cast.auditor), Caller(cast.owner, "operate")):
        assert caller.get(f"{PATH}/local").status_code == 200
        problem(caller.post(PATH, name="new", backend="database"), 403, "access.denied")
        problem(caller.post(f"{PATH}/local/verify"), 403, "access.denied")
        problem(caller.delete(f"{PATH}/local"), 403, "access.denied")
    outsider = Caller(cast.outsider)
    assert outsider.get(PATH).json()["results"] == []
    problem(outsider.get(f"{PATH}/local"), 404, "request.not_found")
    problem(outsider.post(f"{PATH}/local/verify"), 404, "request.not_found")
    problem(Caller().post(f"{PATH}/local/verify"), 401, "auth.required")
