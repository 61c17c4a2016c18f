"""Storage targets in the admin."""

from pathlib import Path
from typing import Any

import pytest

from storage.models import StorageTarget
from tests import factories
from tests.cast import Cast
from tests.ui.pages import page, queries, signed_in, text, told


def add(cast: Cast, kind: str, **data: Any) -> Any:
    return signed_in(cast.owner).post(f"{page(StorageTarget, 'add')}?kind={kind}", data)


def test_adding_begins_with_the_catalogue(cast: Cast) -> None:
    html = text(signed_in(cast.owner).get(page(StorageTarget, "add")))
    assert "?kind=local" in html
    assert "?kind=database" in html


def test_a_target_is_added_and_becomes_the_default(cast: Cast) -> None:
    add(cast, "local", name="disk", parameters_path="certificates-b", is_default="on")
    target = StorageTarget.objects.get(is_default=True)
    assert (target.name, target.parameters) == ("disk", {"path": "certificates-b"})


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": "no name"}, "name"),
        ({"name": "taken"}, "name"),
        ({"parameters_path": "/etc"}, "parameters_path"),
        ({"parameters_path": "certificates-taken"}, "parameters_path"),
    ],
)
def test_a_refused_target_is_told_at_its_field_and_not_stored(
    cast: Cast, changed: dict[str, str], field: str
) -> None:
    place = {"path": "certificates-taken"}
    factories.storage_target("taken", backend="local", parameters=place)
    before = StorageTarget.objects.count()
    data = {"name": "disk", "parameters_path": "certificates-c"} | changed
    response = add(cast, "local", **data)
    assert list(response.context["form"].errors) == [field]
    assert StorageTarget.objects.count() == before


def test_a_verification_tells_its_result_and_time(cast: Cast, data_dir: Path) -> None:
    target = factories.storage_target("disk", backend="local", parameters={})
    client = signed_in(cast.owner)
    response = client.post(page(target, "verify"), follow=True)
    assert told(response) == ["disk works: written, read and deleted."]
    target.refresh_from_db()
    assert target.verified_at is not None


def test_a_verification_that_fails_says_why_on_the_page(cast: Cast, data_dir: Path) -> None:
    target = factories.storage_target("disk", backend="local", parameters={})
    (data_dir / "certificates").write_text("in the way")
    response = signed_in(cast.owner).post(page(target, "verify"), follow=True)
    (message,) = told(response)
    assert "failed" in message
    assert f"The last verification failed: {message}" in text(response)


def test_who_may_only_look_neither_verifies_nor_changes(cast: Cast) -> None:
    target = factories.storage_target()
    client = signed_in(cast.auditor)
    assert client.get(page(target)).status_code == 200
    assert client.post(page(target, "verify")).status_code == 403
    assert client.post(page(target), {"name": "other"}).status_code == 403
    assert client.post(page(target, "delete")).status_code == 403


def test_a_target_in_use_is_not_deleted(cast: Cast) -> None:
    certificate = factories.certificate()
    response = signed_in(cast.owner).post(page(certificate.storage_target, "delete"))
    assert "holds bundles" in response.context["form"].errors["__all__"][0]


def test_a_list_takes_as_many_queries_for_fifty_rows_as_for_five(cast: Cast) -> None:
    client = signed_in(cast.owner)
    for number in range(5):
        factories.storage_target(f"t{number}")
    few = queries(client, page(StorageTarget, "changelist"))
    for number in range(5, 50):
        factories.storage_target(f"t{number}")
    assert queries(client, page(StorageTarget, "changelist")) == few <= 5
