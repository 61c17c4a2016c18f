"""Rebuilds over the API and in the admin."""

from dataclasses import replace

import pytest
from django.urls import reverse

from certificates.models import Certificate
from storage import rebuilding, services
from storage.backends.base import BundleRef
from storage.models import StorageRebuild
from storage.services import store
from tests import factories
from tests.caller import Caller, problem
from tests.cast import Cast
from tests.storage.bundles import issue
from tests.ui.pages import page, signed_in, text, told

pytestmark = pytest.mark.django_db

PATH = "/api/storage-targets/local"


@pytest.fixture
def stored() -> None:
    """A bundle that nobody knows, and one that nobody here has issued."""
    factories.ca_account()
    for name, account in (("www.example.com", "ca"), ("old.example.com", "gone")):
        metadata = {"domain": name, "ca_provider": "acme", "ca_account_id": account}
        bundle = replace(issue(name), metadata=metadata)
        store(target=services.default_target(), ref=BundleRef("server", name), bundle=bundle)


def test_a_rebuild_is_asked_for_watched_and_reported(cast: Cast, stored: None) -> None:
    owner = Caller(cast.owner)
    answer = owner.post(f"{PATH}/rebuild")
    assert answer.status_code == 202, answer.content
    made = answer.json()
    assert answer["Location"] == made["url"]
    assert (made["target"], made["issuer"], made["state"]) == ("local", "", "queued")
    problem(owner.post(f"{PATH}/rebuild"), 409, "storage.rebuilding")
    rebuilding.run_rebuild(made["id"])
    path = f"/api/storage-rebuilds/{made['id']}"
    done = owner.get(path).json()
    assert (done["state"], done["adopted"], done["failed"]) == ("incomplete", 1, 1)
    (item,) = owner.get(f"{path}/items?state=failed").json()["results"]
    assert (item["name"], item["error_code"]) == ("old.example.com", "storage.issuer")
    assert item["is_legacy"] is False
    listed = owner.get("/api/storage-rebuilds?target=local&state=incomplete").json()["results"]
    assert [one["id"] for one in listed] == [made["id"]]
    assert owner.get("/api/certificates/www.example.com").json()["domain"] == "www.example.com"


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"issuer": 1}, "issuer", "request.invalid"),
        ({"issuer": "x" * 65}, "issuer", "request.invalid"),
        ({"x": 1}, "x", "request.unknown_field"),
    ],
)
def test_bad_input_names_its_field(
    cast: Cast, body: dict[str, object], field: str, code: str
) -> None:
    document = problem(Caller(cast.owner).send("POST", f"{PATH}/rebuild", body), 400, code)
    assert list(document["errors"]) == [field]
    assert not StorageRebuild.objects.exists()


def test_a_rebuild_is_cancelled(cast: Cast) -> None:
    owner = Caller(cast.owner)
    path = f"/api/storage-rebuilds/{owner.post(f'{PATH}/rebuild').json()['id']}"
    assert owner.post(f"{path}/cancel").json()["state"] == "cancelled"
    problem(owner.post(f"{path}/cancel"), 409, "storage.rebuild_ended")


def test_its_page_says_what_was_adopted_and_what_was_not(cast: Cast, stored: None) -> None:
    client = signed_in(cast.owner)
    response = client.post(page(services.default_target(), "rebuild"), {"issuer": ""}, follow=True)
    rebuild = StorageRebuild.objects.get()
    assert told(response) == [f"Rebuild {rebuild.pk} is in the queue."]
    rebuilding.run_rebuild(rebuild.pk)
    shown = text(client.get(page(rebuild)))
    assert "2 of 2 bundles" in shown
    for part in ("<dt>Adopted</dt><dd>1</dd>", "server/old.example.com", "storage.issuer"):
        assert part in shown
    assert Certificate.objects.get().name == "www.example.com"
    url = reverse("admin:storage_storagerebuild_progress", args=[rebuild.pk])
    assert client.get(url).json()["open"] is False
