"""Orders over the API: how far they are, tried again, given up."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from certificates.models import Certificate, Order, OrderLog
from certmate.core import clock
from tests import factories
from tests.caller import Caller, problem
from tests.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner(cast: Cast) -> Caller:
    return Caller(cast.owner)


@pytest.fixture
def certificate() -> Certificate:
    return factories.certificate(dns_account=factories.dns_account())


@pytest.fixture
def failed(certificate: Certificate) -> Order:
    order = factories.order(
        certificate,
        state="failed",
        step="obtain",
        attempts=2,
        finished_at=clock.now(),
        error_code="acme.dns_not_visible",
        error_detail="No TXT record.",
        error_identifiers={"www.example.test": "no record"},
    )
    for number in range(3):
        OrderLog.objects.create(
            order=order, at=clock.now(), step="obtain", message=f"line {number}"
        )
    return order


def test_an_order_shows_what_went_wrong_and_what_helps(owner: Caller, failed: Order) -> None:
    shown = owner.get(f"/api/orders/{failed.pk}").json()
    assert shown["certificate"] == "www.example.test"
    assert (shown["state"], shown["step"], shown["attempts"]) == ("failed", "obtain", 2)
    assert shown["error_code"] == "acme.dns_not_visible"
    assert shown["message"] == "No TXT record."
    assert "delegated" in shown["remedy"]
    assert shown["identifiers"] == {"www.example.test": "no record"}
    assert shown["next_attempt_at"] is None
    assert [line["message"] for line in shown["log"]] == ["line 0", "line 1", "line 2"]
    assert (shown["ca"], shown["dns"]) == ("ca", "dns")


def test_a_long_log_is_cut_at_its_beginning(
    owner: Caller, failed: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("certificates.api.orders.LOG_LINES", 2)
    log = owner.get(f"/api/orders/{failed.pk}").json()["log"]
    assert [line["message"] for line in log] == ["line 1", "line 2"]


def test_a_failed_order_is_tried_again(owner: Caller, failed: Order) -> None:
    answer = owner.post(f"/api/orders/{failed.pk}/retry")
    assert answer.status_code == 202
    assert answer["Location"].endswith(f"/api/orders/{failed.pk}")
    assert answer.json()["state"] == "queued"
    problem(owner.post(f"/api/orders/{failed.pk}/retry"), 409, "order.not_failed")


def test_an_open_order_is_cancelled(owner: Caller, failed: Order) -> None:
    problem(owner.post(f"/api/orders/{failed.pk}/cancel"), 409, "order.ended")
    order = factories.order(failed.certificate)
    assert owner.post(f"/api/orders/{order.pk}/cancel").json()["state"] == "cancelled"
    document = problem(
        owner.post(f"/api/orders/{order.pk}/cancel", x=1), 400, "request.unknown_field"
    )
    assert list(document["errors"]) == ["x"]


def test_orders_are_listed_newest_first_and_filtered(owner: Caller, failed: Order) -> None:
    order = factories.order(failed.certificate, kind="renew")
    ids = [row["id"] for row in owner.get("/api/orders").json()["results"]]
    assert ids == [order.pk, failed.pk]
    for query, expected in {
        "state=failed": [failed.pk],
        "kind=renew": [order.pk],
        "certificate=www.example.test": ids,
        "certificate=other": [],
        "ordering=created_at": ids[::-1],
    }.items():
        rows = owner.get(f"/api/orders?{query}").json()["results"]
        assert [row["id"] for row in rows] == expected, query


@pytest.mark.parametrize("number", [0, 99999, 10**30])
def test_an_unknown_order_is_not_found(owner: Caller, number: int) -> None:
    problem(owner.get(f"/api/orders/{number}"), 404, "request.not_found")


def test_who_sees_a_certificate_sees_its_orders_and_who_renews_it_works_on_them(
    cast: Cast, failed: Order
) -> None:
    path = f"/api/orders/{failed.pk}"
    assert Caller(cast.auditor).get(path).status_code == 200
    problem(Caller(cast.auditor).post(f"{path}/retry"), 403, "access.denied")
    problem(Caller(cast.operator, "read").post(f"{path}/retry"), 403, "access.denied")
    problem(Caller(cast.outsider).get(path), 404, "request.not_found")
    problem(Caller(cast.outsider).post(f"{path}/cancel"), 404, "request.not_found")
    assert Caller(cast.outsider).get("/api/orders").json()["results"] == []
    problem(Caller().get(path), 401, "auth.required")
    assert Caller(cast.operator, "operate").post(f"{path}/retry").status_code == 202


def test_a_page_of_orders_costs_as_many_queries_whatever_its_size(
    owner: Caller, certificate: Certificate
) -> None:
    counts = []
    for number in (5, 45):
        for _ in range(number):
            factories.order(certificate, state="succeeded")
        owner.get("/api/orders")
        with CaptureQueriesContext(connection) as queries:
            owner.get("/api/orders")
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 3
