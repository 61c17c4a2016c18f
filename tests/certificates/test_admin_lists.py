"""The lists of certificates and orders, and the page that watches an order."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from guardian.shortcuts import assign_perm

from certificates.admin.progress import steps
from certificates.choices import CertificateState
from certificates.models import Certificate, Order, OrderLog
from certmate.core import clock
from providers.models import CAAccount
from tests import factories
from tests.cast import Cast
from tests.ui.pages import page, queries, signed_in, text


def fill(count: int) -> None:
    """Certificates with everything that a row shows."""
    staging = CAAccount.objects.filter(name="staging").first() or factories.ca_account(
        "staging", provider="letsencrypt-staging"
    )
    for number in range(count):
        name = f"host{Certificate.objects.count()}.example.test"
        account = {"ca_account": staging} if number % 2 else {}
        certificate = factories.certificate(name, names=[name, f"alt.{name}"], **account)
        order = factories.order(certificate, state="failed", finished_at=clock.now())
        factories.version(certificate, order=order)


@pytest.mark.parametrize("model", [Certificate, Order])
@pytest.mark.parametrize("who", ["owner", "operator", "outsider"])
def test_a_list_takes_as_many_queries_for_fifty_rows_as_for_five(
    cast: Cast, model: type[Any], who: str
) -> None:
    user: User = getattr(cast, who)
    fill(5)
    if who == "outsider":
        for certificate in Certificate.objects.all():
            assign_perm("certificates.view_certificate", user, certificate)
    client = signed_in(user)
    few = queries(client, page(model, "changelist"))
    fill(45)
    if who == "outsider":
        for certificate in Certificate.objects.all():
            assign_perm("certificates.view_certificate", user, certificate)
    assert queries(client, page(model, "changelist")) == few
    assert few <= {"owner": 10, "operator": 17, "outsider": 31}[who]


def test_the_page_of_a_certificate_takes_as_many_queries_for_many_versions(cast: Cast) -> None:
    certificate = factories.certificate()
    factories.version(certificate)
    client = signed_in(cast.owner)
    few = queries(client, page(certificate))
    for number in range(2, 12):
        factories.version(certificate, number)
        factories.order(certificate, state="failed")
    assert queries(client, page(certificate)) == few


def test_no_list_reads_pem_or_secrets(cast: Cast) -> None:
    fill(2)
    with CaptureQueriesContext(connection) as captured:
        signed_in(cast.owner).get(page(Certificate, "changelist"))
        signed_in(cast.owner).get(page(Order, "changelist"))
    for query in captured:
        for column in ('"csr"', '"cert"', '"chain"', '"account_key"', '"credentials"'):
            assert column not in query["sql"]


def rows(user: User, **query: str) -> set[str]:
    response = signed_in(user).get(page(Certificate, "changelist"), query)
    return {certificate.name for certificate in response.context["cl"].result_list}


def test_the_list_is_filtered_by_expiry_and_pause(cast: Cast) -> None:
    now = clock.now()
    for name, days in (("late", -1), ("week", 5), ("month", 20), ("far", 80)):
        certificate = factories.certificate(f"{name}.example.test")
        factories.version(certificate, not_after=now + timedelta(days=days))
    factories.certificate("new.example.test", paused_at=now)
    assert rows(cast.auditor, expiry="expired") == {"late.example.test"}
    assert rows(cast.auditor, expiry="7") == {"week.example.test"}
    assert rows(cast.auditor, expiry="30") == {"week.example.test", "month.example.test"}
    assert rows(cast.auditor, expiry="never") == {"new.example.test"}
    assert rows(cast.auditor, paused="yes") == {"new.example.test"}
    assert len(rows(cast.auditor, paused="no")) == 4


def test_a_certificate_is_found_by_its_beginning_serial_or_fingerprint(cast: Cast) -> None:
    certificate = factories.certificate("www.example.test")
    version = factories.version(certificate, serial="abc123")
    factories.version(factories.certificate("other.example.test"))
    for term in ("www.", "WWW.ex", "AB:C1:23", "00abc123", version.fingerprint):
        assert rows(cast.auditor, q=term) == {"www.example.test"}, term
    assert rows(cast.auditor, q="example") == set()


def test_a_row_says_what_is_unusual(cast: Cast) -> None:
    staging = factories.ca_account("st", provider="letsencrypt-staging")
    certificate = factories.certificate(ca_account=staging, auto_renew=False, paused_at=clock.now())
    factories.version(certificate, not_after=clock.now() - timedelta(hours=1))
    html = text(signed_in(cast.auditor).get(page(Certificate, "changelist")))
    for word in ("Expired", "Staging", "Paused", "Manual"):
        assert f">{word}</span>" in html


def test_an_empty_list_says_where_to_begin(cast: Cast) -> None:
    client = signed_in(cast.owner)
    assert page(CAAccount, "add") in text(client.get(page(Certificate, "changelist")))
    factories.ca_account()
    html = text(client.get(page(Certificate, "changelist")))
    assert page(Certificate, "add") in html
    assert page(CAAccount, "add") not in html


@pytest.mark.parametrize(
    ("state", "step", "marks"),
    [
        ("queued", "prepare", ["now", "todo", "todo", "todo"]),
        ("running", "store", ["done", "done", "now", "todo"]),
        ("waiting", "obtain", ["done", "waits", "todo", "todo"]),
        ("failed", "obtain", ["done", "failed", "todo", "todo"]),
        ("succeeded", "done", ["done", "done", "done", "done"]),
    ],
)
def test_the_steps_show_how_far_an_order_is(state: str, step: str, marks: list[str]) -> None:
    order = Order(kind="issue", state=state, step=step)
    assert [shown.mark for shown in steps(order)] == marks


def test_a_revocation_has_one_step() -> None:
    assert [step.mark for step in steps(Order(kind="revoke", state="running", step="revoke"))] == [
        "now"
    ]


def test_a_failed_order_says_why_and_what_to_do(cast: Cast) -> None:
    order = factories.order(
        factories.certificate(),
        state="failed",
        step="obtain",
        error_code="acme.caa",
        error_detail="A CAA record forbids this CA.",
        error_identifiers={"www.example.test": "CAA <says> no"},
    )
    html = text(signed_in(cast.operator).get(page(order)))
    assert "A CAA record forbids this CA." in html
    assert "CAA &lt;says&gt; no" in html
    assert "What to do" in html
    assert page(order, "retry") in html
    assert page(order, "cancel") not in html


def test_progress_tells_the_lines_that_are_new(cast: Cast) -> None:
    order = factories.order(factories.certificate(), state="running", step="obtain")
    first = OrderLog.objects.create(order=order, at=clock.now(), step="prepare", message="one")
    OrderLog.objects.create(order=order, at=clock.now(), step="obtain", message="<two>")
    client = signed_in(cast.auditor)
    url = f"/admin/certificates/order/{order.pk}/progress/"
    news = client.get(url, {"after": first.pk}).json()
    assert news["open"] is True
    assert "&lt;two&gt;" in news["log"]
    assert "one" not in news["log"]
    Order.objects.update(state="succeeded", step="done")
    assert client.get(url, {"after": "x"}).json()["open"] is False
    assert signed_in(cast.outsider).get(url).status_code == 404


def test_an_order_is_retried_and_cancelled_by_those_who_may_renew(cast: Cast) -> None:
    order = factories.order(factories.certificate(), state="failed")
    assert signed_in(cast.auditor).post(page(order, "retry")).status_code == 403
    client = signed_in(cast.operator)
    client.post(page(order, "retry"))
    order.refresh_from_db()
    assert order.state == "queued"
    client.post(page(order, "cancel"))
    order.refresh_from_db()
    assert order.state == "cancelled"


def test_nobody_adds_changes_or_deletes_an_order_by_hand(cast: Cast) -> None:
    order = factories.order(factories.certificate())
    client = signed_in(cast.owner)
    assert client.get(page(Order, "add")).status_code == 403
    assert client.post(page(order), {"state": "succeeded"}).status_code == 403
    assert client.post(page(order, "delete")).status_code == 403


def test_a_revoked_certificate_needs_no_warning_of_its_expiry(cast: Cast) -> None:
    certificate = factories.certificate()
    factories.version(certificate, not_after=clock.now() + timedelta(days=1))
    Certificate.objects.update(state=CertificateState.REVOKED)
    html = text(signed_in(cast.auditor).get(page(Certificate, "changelist")))
    assert ">Revoked</span>" in html
    assert "Expiring" not in html
