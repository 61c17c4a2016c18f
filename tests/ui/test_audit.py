"""The pages of the audit log: read, narrowed, exported, searched again; never written."""

import json
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from certmate.audit import sealing
from certmate.audit.models import Event, LogState, SavedSearch
from certmate.audit.services import record
from tests import factories
from tests.cast import Cast
from tests.ui.pages import page, queries, signed_in, text

pytestmark = pytest.mark.usefixtures("data_dir")

LIST = "/admin/audit/event/"


def listed(user: User, **query: Any) -> list[str]:
    """The names of the events on the page."""
    response = signed_in(user).get(LIST, query)
    assert response.status_code == 200
    return [event.name for event in response.context["cl"].result_list]


def test_the_log_is_read_only(cast: Cast) -> None:
    factories.certificate()
    event = Event.objects.filter(object_kind="certificates.certificate").latest("pk")
    client = signed_in(cast.owner)
    assert client.get(page(event)).status_code == 200
    assert client.get(f"{LIST}add/").status_code == 403
    assert client.post(page(event), {"name": "x"}).status_code == 403
    assert client.post(page(event, "delete"), {"post": "yes"}).status_code == 403
    assert LogEntry.objects.filter(pk=event.pk).exists()


def test_the_log_names_events_and_masks_secrets(cast: Cast) -> None:
    account = factories.dns_account()
    record(factories.certificate(), "certificate.renewed", serial="ab")
    client = signed_in(cast.auditor)
    assert "certificate.renewed" in text(client.get(LIST))
    html = text(client.get(page(Event.objects.get(object_pk=str(account.pk)))))
    assert "credentials" in html
    assert factories.RFC2136["tsig_secret"] not in html


def test_each_filter_narrows_the_list(cast: Cast) -> None:
    certificate = factories.certificate()
    record(certificate, "certificate.renewed", order=7)
    kind, pk = "certificates.certificate", str(certificate.pk)
    assert listed(cast.auditor, object_kind=kind, object_pk=pk) == [
        "certificate.renewed",
        "certificate.created",
    ]
    assert listed(cast.auditor, event="certificate.renewed") == ["certificate.renewed"]
    assert listed(cast.auditor, order=7) == ["certificate.renewed"]
    assert set(listed(cast.auditor, actor="auditor")) == {"user.signed_in"}
    assert listed(cast.auditor, until="2001-01-01T00:00") == []
    assert "certificate.renewed" in listed(cast.auditor, actor_kind="command", actor="")


@pytest.mark.parametrize("query", [{"since": "soon"}, {"order": "x"}, {"actor_kind": "robot"}])
def test_a_filter_that_makes_no_sense_finds_nothing(cast: Cast, query: dict[str, str]) -> None:
    assert listed(cast.auditor, **query) == []
    client = signed_in(cast.auditor)
    assert client.get(f"{LIST}export/jsonl/", query).status_code == 404


def test_trails_lead_from_an_entry(cast: Cast) -> None:
    client = signed_in(cast.owner)
    client.get("/admin/", headers={"X-Request-ID": "trail-of-one-request"})
    record(factories.certificate(), "certificate.renewed", order=7)
    html = text(client.get(page(Event.objects.get(name="certificate.renewed"))))
    for trail in ("object", "order"):
        assert f"Trail of this {trail}" in html


def test_the_list_takes_as_many_queries_for_many_rows(cast: Cast) -> None:
    client = signed_in(cast.owner)
    for number in range(3):
        factories.certificate(f"n{number}.example.test")
    few = queries(client, LIST)
    for number in range(60):
        factories.certificate(f"m{number}.example.test")
    assert queries(client, LIST) == few <= 12


def test_no_page_counts_or_scans_the_log(cast: Cast) -> None:
    factories.certificate()
    client = signed_in(cast.auditor)
    with CaptureQueriesContext(connection) as captured:
        client.get(LIST, {"event": "certificate.created", "p": "100000"})
    counts = [q["sql"] for q in captured if "COUNT(" in q["sql"] and "audit_event" in q["sql"]]
    assert counts
    assert all("LIMIT 11001" in sql for sql in counts)


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_an_export_is_streamed_and_is_an_event(cast: Cast, form: str) -> None:
    record(factories.certificate(), "certificate.renewed")
    sealing.seal()
    client = signed_in(cast.auditor)
    response = client.get(f"{LIST}export/{form}/", {"event": "certificate.renewed"})
    assert response.streaming
    body = b"".join(response).decode()
    assert "certificate.renewed" in body
    assert "certificate.created" not in body
    told = Event.objects.filter(name="audit.exported").latest("pk")
    assert told.actor_name == "auditor"
    assert told.entry.additional_data["form"] == form


def test_a_search_is_kept_for_its_owner_alone(cast: Cast) -> None:
    client = signed_in(cast.auditor)
    query = "event=certificate.renewed&p=3&evil=1"
    client.post(f"{LIST}searches/save/", {"name": "Renewals", "query": query})
    search = SavedSearch.objects.get(owner=cast.auditor)
    assert search.query == "event=certificate.renewed"
    assert "Renewals" in text(client.get(LIST))
    other = signed_in(cast.owner)
    assert "Renewals" not in text(other.get(LIST))
    other.post(f"{LIST}searches/{search.pk}/delete/")
    assert SavedSearch.objects.filter(pk=search.pk).exists()
    client.post(f"{LIST}searches/{search.pk}/delete/")
    assert not SavedSearch.objects.exists()


def test_a_search_without_a_filter_is_not_kept(cast: Cast) -> None:
    signed_in(cast.auditor).post(f"{LIST}searches/save/", {"name": "All", "query": "p=2"})
    assert not SavedSearch.objects.exists()


@pytest.mark.parametrize("path", ["", "export/jsonl/", "export/csv/", "1/change/"])
def test_who_may_not_read_the_log_sees_nothing_of_it(cast: Cast, path: str) -> None:
    record(Group.objects.create(name="secret"), "group.told")
    response = signed_in(cast.outsider).get(f"{LIST}{path}")
    assert response.status_code in (403, 404)
    assert "secret" not in text(response)


def test_a_failed_verification_is_shown(cast: Cast) -> None:
    fault = {"kind": "edited", "detail": "The row was changed.", "entry_id": 3, "position": 2}
    LogState.objects.update_or_create(pk=1, defaults={"fault": json.loads(json.dumps(fault))})
    client = signed_in(cast.auditor)
    assert "The last full verification failed: edited, entry 3" in text(client.get(LIST))
    assert "The audit log is not what was sealed: edited" in text(client.get("/admin/"))
    assert "not what was sealed" not in text(signed_in(cast.outsider).get("/admin/"))
