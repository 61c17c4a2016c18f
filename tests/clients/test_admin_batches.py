"""Batches in the admin: a file taken in or refused row by row, watched, cancelled, handed out."""

import io
import json
import zipfile
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from guardian.shortcuts import assign_perm

from certmate.access.actors import Actor
from clients import batching, services
from clients.models import Batch, BatchRow, ClientCertificate
from clients.services import ClientWish
from clients.services.rows import from_json
from providers.models import Authority, Profile
from storage.models import StoredBundle
from tests.cast import PASSWORD
from tests.clients.conftest import Crew
from tests.clients.test_admin_certificates import desk, errors_of
from tests.factories import profile_of
from tests.ui.pages import page, queries, text, told

pytestmark = pytest.mark.django_db

CSV = b"common_name,O,dns\njane,Example,a.example.test b.example.test\njohn,,\n"


@pytest.fixture
def wanted(authority: Authority) -> dict[str, Any]:
    profile = Profile.objects.get(name="client")
    return {"authority": str(authority.pk), "profile": str(profile.pk)}


def send(user: User, wanted: dict[str, Any], content: bytes) -> Any:
    file = SimpleUploadedFile("rows", content)
    return desk(user).post(page(Batch, "add"), wanted | {"file": file})


def made(user: User, count: int = 3) -> Batch:
    """A batch in the queue."""
    rows = from_json([{"common_name": f"device {number}"} for number in range(count)])
    return services.create_batch(actor=Actor.of(user), frame_wish=ClientWish(), rows=rows)


def test_a_file_in_csv_or_json_is_taken_in_and_leads_to_its_batch(
    crew: Crew, wanted: dict[str, Any]
) -> None:
    for content in (CSV, b"\xef\xbb\xbf" + json.dumps([{"common_name": "jack"}]).encode()):
        response = send(crew.operator, wanted | {"tags": "line-7"}, content)
        batch = Batch.objects.latest("pk")
        assert response.headers["Location"] == page(batch)
        assert (batch.state, batch.tags, batch.requested_by) == (
            "queued",
            ["line-7"],
            crew.operator,
        )
    names = BatchRow.objects.order_by("pk").values_list("identifier", flat=True)
    assert list(names) == ["jane", "john", "jack"]


def test_rows_that_break_a_rule_are_told_one_by_one_and_nothing_is_taken(
    crew: Crew, wanted: dict[str, Any]
) -> None:
    response = send(crew.operator, wanted, b"common_name,C\njane,DE\njohn,Germany\njack,x\n")
    assert "2 of the rows" in errors_of(response)["file"][0]
    refused = response.context["refused"]
    assert [(row[0], row[1]) for row in refused.rows] == [(2, "subject.C"), (3, "subject.C")]
    assert "ISO 3166" in text(response)
    assert not Batch.objects.exists()


def test_a_file_that_is_none_is_refused_at_its_field(crew: Crew, wanted: dict[str, Any]) -> None:
    for content in (
        b"common_name\n\xff\n",
        b"nonsense\nx\n",
        b"common_name\n",
        b"[" * 100_000,
        b'{"common_name": "x"}',
        b"[" + b"9" * 5000 + b"]",
        b'common_name\n"open',
    ):
        assert list(errors_of(send(crew.operator, wanted, content))) == ["file"], content[:20]
    assert list(errors_of(desk(crew.operator).post(page(Batch, "add"), wanted))) == ["file"]
    profile_of("client", needs_approval=True)
    assert list(errors_of(send(crew.operator, wanted, CSV))) == ["profile"]
    assert not Batch.objects.exists()


def test_who_may_ask_for_nothing_gets_no_add_page(crew: Crew, wanted: dict[str, Any]) -> None:
    assert desk(crew.auditor).get(page(Batch, "add")).status_code == 403
    assert send(crew.auditor, wanted, CSV).status_code == 403


def test_the_page_shows_progress_failures_with_their_reason_and_certificates(
    crew: Crew, authority: Authority
) -> None:
    batch = made(crew.operator)
    client = desk(crew.auditor)
    html = text(client.get(page(batch)))
    assert '<progress max="3" value="0"' in html
    assert "progress.js" in html
    assert "Reload the page" in html.partition("<noscript>")[2]
    ClientCertificate.objects.create(
        identifier="device-1", authority=authority, storage_target=batch.storage_target
    )
    batching.run_batch(batch.pk)
    html = text(client.get(page(batch)))
    assert '<progress max="3" value="3"' in html
    assert "progress.js" not in html
    failed = batch.rows.get(state="failed")
    for words in ("Failed rows", failed.error_code, failed.error_detail.partition("'")[0]):
        assert words in html
    one = ClientCertificate.objects.get(identifier="device-0")
    assert page(one) in html


def test_news_of_a_batch_are_for_those_who_see_it(crew: Crew, authority: Authority) -> None:
    batch = made(crew.operator)
    news = desk(crew.operator).get(page(batch, "progress")).json()
    assert news["open"]
    assert "0 of 3 rows" in news["status"]
    Batch.objects.update(state="done", issued=2, failed=1)
    news = desk(crew.operator).get(page(batch, "progress")).json()
    assert not news["open"]
    assert "3 of 3 rows" in news["status"]
    for name in ("progress", "change", "cancel", "download"):
        assert desk(crew.outsider).get(page(batch, name)).status_code == 404


def test_the_page_takes_as_many_queries_for_many_rows(crew: Crew, authority: Authority) -> None:
    batches = []
    for count in (1, 12):
        batches.append(made(crew.operator, count))
        batching.run_batch(batches[-1].pk)
    few, many = batches
    client = desk(crew.owner)
    assert queries(client, page(many)) == queries(client, page(few))


def test_a_batch_is_cancelled_by_whoever_asked_or_may_change_it(
    crew: Crew, authority: Authority
) -> None:
    batch = made(crew.operator)
    assert page(batch, "cancel") not in text(desk(crew.auditor).get(page(batch)))
    assert desk(crew.auditor).post(page(batch, "cancel")).status_code == 403
    for user in (crew.owner, crew.operator):
        assert page(batch, "cancel") in text(desk(user).get(page(batch)))
    response = desk(crew.operator).post(page(batch, "cancel"), follow=True)
    assert told(response) == ["The batch is cancelled."]
    assert page(batch, "cancel") not in text(response)


def test_whoever_asked_cancels_his_own_without_any_other_right(
    crew: Crew, authority: Authority
) -> None:
    batch = made(crew.operator)
    Batch.objects.update(requested_by=crew.outsider)
    assert page(batch, "cancel") in text(desk(crew.outsider).get(page(batch)))
    desk(crew.outsider).post(page(batch, "cancel"))
    assert Batch.objects.get().state == "cancelled"


def content(response: Any) -> zipfile.ZipFile:
    assert response.headers["Content-Type"] == "application/zip"
    return zipfile.ZipFile(io.BytesIO(response.getvalue()))


def test_all_certificates_are_handed_out_and_keys_for_the_password_only(
    crew: Crew, authority: Authority
) -> None:
    batch = made(crew.operator, 2)
    client = desk(crew.owner)
    assert page(batch, "download") not in text(client.get(page(batch)))
    batching.run_batch(batch.pk)
    archive = content(client.post(page(batch, "download")))
    names = archive.namelist()
    assert {"device-0/cert.pem", "device-1/cert.pem", "report.csv"} <= set(names)
    assert not [name for name in names if "privkey" in name]
    refused = client.post(page(batch, "export_key"), {"password": "guess"})
    assert list(errors_of(refused)) == ["password"]
    archive = content(client.post(page(batch, "export_key"), {"password": PASSWORD}))
    assert b"PRIVATE KEY" in archive.read("device-1/privkey.pem")
    for user in (crew.operator, crew.auditor):
        assert page(batch, "export_key") not in text(desk(user).get(page(batch)))
        sent = {"password": PASSWORD}
        assert desk(user).post(page(batch, "export_key"), sent).status_code == 403


def test_a_file_that_cannot_be_made_is_refused_on_the_page(
    crew: Crew, authority: Authority
) -> None:
    batch = made(crew.operator, 1)
    batching.run_batch(batch.pk)
    with connection.cursor() as cursor:
        table = StoredBundle._meta.db_table
        cursor.execute(f"UPDATE {table} SET private_key = 'cm1.not.what.it.was'")
    response = desk(crew.owner).post(page(batch, "export_key"), {"password": PASSWORD})
    assert list(errors_of(response)) == ["__all__"]


def test_an_outsider_sees_the_one_batch_that_was_shared_with_him(
    crew: Crew, authority: Authority
) -> None:
    shared, hidden = made(crew.operator, 1), made(crew.operator, 1)
    assign_perm("clients.view_batch", crew.outsider, shared)
    client = desk(crew.outsider)
    assert client.get(page(shared)).status_code == 200
    assert client.get(page(hidden)).status_code == 404
    found = client.get(page(Batch, "changelist")).context["cl"].result_list
    assert [batch.pk for batch in found] == [shared.pk]
