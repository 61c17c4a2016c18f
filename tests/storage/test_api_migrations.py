"""Migrations over the API and in the admin."""

import pytest
from django.urls import reverse

from certmate.access.actors import Actor
from storage import migrating, services
from storage.backends.base import BundleRef
from storage.models import StorageMigration, StorageTarget
from storage.services import store
from tests import factories
from tests.caller import Caller, problem
from tests.cast import Cast
from tests.storage.bundles import issue
from tests.ui.pages import page, queries, signed_in, text, told

pytestmark = pytest.mark.django_db

PATH = "/api/storage-targets/local"


@pytest.fixture
def rows() -> StorageTarget:
    """Where the bundles of the local target go."""
    store(
        target=services.default_target(),
        ref=BundleRef("server", "www.example.com"),
        bundle=issue(),
    )
    return factories.storage_target("rows")


def test_a_migration_is_asked_for_watched_and_reported(cast: Cast, rows: StorageTarget) -> None:
    owner = Caller(cast.owner)
    answer = owner.post(f"{PATH}/migrate", to="rows", clean_up=True)
    assert answer.status_code == 202, answer.content
    made = answer.json()
    assert answer["Location"] == made["url"]
    assert (made["source"], made["to"], made["state"]) == ("local", "rows", "queued")
    problem(owner.post(f"{PATH}/migrate", to="rows"), 409, "storage.migrating")
    migrating.run_migration(made["id"])
    path = f"/api/storage-migrations/{made['id']}"
    done = owner.get(path).json()
    assert (done["state"], done["copied"], done["progress"]) == ("done", 1, 1.0)
    (item,) = owner.get(f"{path}/items").json()["results"]
    assert (item["name"], item["state"]) == ("www.example.com", "cleaned")
    listed = owner.get("/api/storage-migrations?source=local&state=done").json()["results"]
    assert [one["id"] for one in listed] == [made["id"]]
    assert list(services.list_refs(rows)) == [BundleRef("server", "www.example.com")]


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "to", "request.invalid"),
        ({"to": "local"}, "to", "storage.same_target"),
        ({"to": "nowhere"}, "to", "storage.unknown"),
        ({"to": "rows", "clean_up": "x"}, "clean_up", "request.invalid"),
        ({"to": "rows", "x": 1}, "x", "request.unknown_field"),
    ],
)
def test_bad_input_names_its_field(
    cast: Cast, rows: StorageTarget, body: dict[str, object], field: str, code: str
) -> None:
    document = problem(Caller(cast.owner).send("POST", f"{PATH}/migrate", body), 400, code)
    assert list(document["errors"]) == [field]
    assert not StorageMigration.objects.exists()


def test_a_migration_is_cancelled(cast: Cast, rows: StorageTarget) -> None:
    owner = Caller(cast.owner)
    made = owner.post(f"{PATH}/migrate", to="rows").json()
    path = f"/api/storage-migrations/{made['id']}"
    assert owner.post(f"{path}/cancel").json()["state"] == "cancelled"
    problem(owner.post(f"{path}/cancel"), 409, "storage.migration_ended")


def test_only_administrators_migrate(cast: Cast, rows: StorageTarget) -> None:
    made = Caller(cast.owner).post(f"{PATH}/migrate", to="rows").json()
    path = f"/api/storage-migrations/{made['id']}"
    for caller in (Caller(cast.operator), Caller(cast.auditor), Caller(cast.owner, "operate")):
        assert caller.get(path).status_code == 200
        problem(caller.post(f"{PATH}/migrate", to="rows"), 403, "access.denied")
        problem(caller.post(f"{path}/cancel"), 403, "access.denied")
        problem(caller.get(f"{path}/items"), 403, "access.denied")
    outsider = Caller(cast.outsider)
    assert outsider.get("/api/storage-migrations").json()["results"] == []
    problem(outsider.get(path), 404, "request.not_found")
    problem(outsider.get(f"{path}/items"), 404, "request.not_found")
    problem(outsider.post(f"{path}/cancel"), 404, "request.not_found")


def test_the_admin_begins_watches_and_cancels_one(cast: Cast, rows: StorageTarget) -> None:
    client = signed_in(cast.owner)
    local = services.default_target()
    response = client.post(page(local, "migrate"), {"to": rows.pk}, follow=True)
    migration = StorageMigration.objects.get()
    assert told(response) == [f"Migration {migration.pk} is in the queue."]
    assert 'data-progress="' in text(response)
    url = reverse("admin:storage_storagemigration_progress", args=[migration.pk])
    assert client.get(url).json()["open"] is True
    migrating.run_migration(migration.pk)
    news = client.get(url).json()
    assert news["open"] is False
    assert "1 of 1 bundles" in news["status"]
    assert client.post(page(migration, "cancel")).status_code in (200, 302)


def test_the_admin_shows_what_failed(cast: Cast, rows: StorageTarget) -> None:
    migration = services.migrate_target(
        actor=cast_actor(cast), target=services.default_target(), to="rows"
    )
    migration.items.create(
        kind="server",
        name="bad.example.com",
        state="failed",
        error_code="storage.damaged",
        error_detail="It is not whole.",
    )
    StorageMigration.objects.update(state="incomplete", failed=1, total=1, error_code="x.y")
    assert "bad.example.com" not in text(signed_in(cast.auditor).get(page(migration)))
    html = text(signed_in(cast.owner).get(page(migration)))
    assert "bad.example.com" in html
    assert "It is not whole." in html
    assert "still holds what could not be copied" in html


def cast_actor(cast: Cast) -> Actor:
    return Actor.of(cast.owner)


def test_a_list_takes_as_many_queries_for_twenty_rows_as_for_two(
    cast: Cast, rows: StorageTarget
) -> None:
    client = signed_in(cast.owner)

    def add(count: int) -> None:
        for _ in range(count):
            services.migrate_target(
                actor=cast_actor(cast), target=services.default_target(), to="rows"
            )
            StorageMigration.objects.update(state="done")

    add(2)
    few = queries(client, page(StorageMigration, "changelist"))
    add(18)
    assert queries(client, page(StorageMigration, "changelist")) == few <= 6
