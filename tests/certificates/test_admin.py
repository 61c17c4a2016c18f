"""Certificates in the admin: what is asked for, shown and refused."""

import io
import zipfile
from typing import Any

import pytest
from guardian.shortcuts import assign_perm

from certificates.choices import OrderKind, OrderState
from certificates.models import Certificate, Order
from certmate.core import clock
from storage.models import StoredBundle
from tests import factories
from tests.cast import PASSWORD, Cast
from tests.ui.pages import page, signed_in, text, told

WANTED = {"names": "www.example.test", "challenge_type": "dns-01", "key_type": "ec256"}


@pytest.fixture
def wanted(cast: Cast) -> dict[str, Any]:
    """The add form filled in, with everything that it needs."""
    factories.dns_account()
    target = factories.storage_target()
    return WANTED | {"ca": str(factories.ca_account().pk), "storage": str(target.pk)}


def errors_of(response: Any) -> dict[str, Any]:
    assert response.status_code == 200
    return dict(response.context["form"].errors)


def test_the_add_form_orders_a_certificate_and_leads_to_its_order(
    cast: Cast, wanted: dict[str, Any]
) -> None:
    wanted |= {"names": "www.example.test\nexample.test, *.example.test", "tags": "web, shop"}
    wanted |= {"auto_renew": "on", "renewal_days": "20"}
    response = signed_in(cast.operator).post(page(Certificate, "add"), wanted)
    certificate = Certificate.objects.get()
    assert response.headers["Location"] == page(certificate.orders.get())
    assert certificate.names == ["www.example.test", "example.test", "*.example.test"]
    assert (certificate.tags, certificate.renewal_days) == (["web", "shop"], 20)
    assert certificate.created_by == cast.operator


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"names": ""}, "names"),
        ({"names": "no_host"}, "names"),
        ({"names": "www.example.test co.uk"}, "names"),
        ({"names": "*.example.test", "challenge_type": "http-01"}, "challenge_type"),
        ({"names": "192.0.2.7"}, "challenge_type"),
        ({"names": "www.elsewhere.test"}, "dns"),
        ({"csr": "not a CSR"}, "csr"),
        ({"name": "../etc"}, "name"),
        ({"ca": ""}, "ca"),
        ({"ca_profile": "two words"}, "ca_profile"),
        ({"key_type": "rsa1024"}, "key_type"),
        ({"renewal_days": "0"}, "renewal_days"),
        ({"tags": "x" * 65}, "tags"),
    ],
)
def test_what_is_refused_is_told_at_its_field_and_nothing_is_stored(
    cast: Cast, wanted: dict[str, Any], changed: dict[str, str], field: str
) -> None:
    response = signed_in(cast.operator).post(page(Certificate, "add"), wanted | changed)
    assert list(errors_of(response)) == [field]
    assert not Certificate.objects.exists()
    assert not Order.objects.exists()


def test_a_name_that_is_taken_is_told_at_the_name(cast: Cast, wanted: dict[str, Any]) -> None:
    factories.certificate("www.example.test")
    response = signed_in(cast.operator).post(page(Certificate, "add"), wanted)
    assert "certificate" in errors_of(response)["name"][0]
    assert Certificate.objects.count() == 1


def test_an_account_that_is_hidden_cannot_be_picked(cast: Cast, wanted: dict[str, Any]) -> None:
    assign_perm("certificates.add_certificate", cast.outsider)
    client = signed_in(cast.outsider)
    assert wanted["ca"] not in text(client.get(page(Certificate, "add")))
    assert "ca" in errors_of(client.post(page(Certificate, "add"), wanted))


def test_an_outsider_sees_the_one_certificate_that_was_shared_with_him(cast: Cast) -> None:
    shared, hidden = (
        factories.certificate("a.example.test"),
        factories.certificate("b.example.test"),
    )
    client = signed_in(cast.outsider)
    assert client.get(page(Certificate, "changelist")).status_code == 403
    assign_perm("certificates.view_certificate", cast.outsider, shared)
    html = text(client.get(page(Certificate, "changelist")))
    assert "a.example.test" in html
    assert "b.example.test" not in html
    assert client.get(page(shared)).status_code == 200
    assert client.get(page(hidden)).status_code == 404


@pytest.mark.parametrize("tool", ["renew", "reissue", "revoke", "delete", "download", "export_key"])
def test_what_may_be_seen_but_not_done_is_403_and_has_no_button(cast: Cast, tool: str) -> None:
    certificate = factories.certificate()
    factories.version(certificate)
    client = signed_in(cast.auditor)
    assert page(certificate, tool) not in text(client.get(page(certificate)))
    assert client.get(page(certificate, tool)).status_code == 403
    assert client.post(page(certificate, tool), {"reason": "superseded"}).status_code == 403
    assert client.post(page(certificate), {"tags": "x"}).status_code == 403
    assert Certificate.objects.get().tags == []
    assert not Order.objects.exists()


@pytest.mark.parametrize("tool", ["renew", "revoke", "delete", "download"])
def test_a_tool_for_a_hidden_certificate_is_404(cast: Cast, tool: str) -> None:
    certificate = factories.certificate()
    assert signed_in(cast.outsider).post(page(certificate, tool)).status_code == 404


def test_asking_for_confirmation_changes_nothing(cast: Cast) -> None:
    certificate = factories.certificate()
    factories.version(certificate)
    client = signed_in(cast.owner)
    for tool in ("renew", "reissue", "revoke", "delete", "download", "export_key", "activate"):
        assert client.get(page(certificate, tool)).status_code == 200
    assert Certificate.objects.exists()
    assert not Order.objects.exists()


def test_a_renewal_leads_to_its_order(cast: Cast) -> None:
    factories.dns_account()
    certificate = factories.certificate()
    factories.version(certificate)
    response = signed_in(cast.operator).post(page(certificate, "renew"))
    order = Order.objects.get()
    assert (order.kind, order.requested_by) == (OrderKind.RENEW, cast.operator)
    assert response.headers["Location"] == page(order)


def test_a_second_order_is_refused_on_the_confirmation_page(cast: Cast) -> None:
    factories.dns_account()
    certificate = factories.certificate()
    factories.order(certificate)
    response = signed_in(cast.operator).post(page(certificate, "renew"))
    assert "is open" in errors_of(response)["__all__"][0]
    assert Order.objects.count() == 1


def test_a_reissue_offers_what_is_and_takes_what_shall_be(cast: Cast) -> None:
    factories.dns_account()
    certificate = factories.certificate("www.example.test")
    factories.version(certificate)
    client = signed_in(cast.operator)
    form = client.get(page(certificate, "reissue")).context["form"]
    sent = {name: form[name].value() or "" for name in form.fields}
    sent |= {"names": "www.example.test\nnew.example.test", "key_type": "rsa3072"}
    client.post(page(certificate, "reissue"), sent)
    order = Order.objects.get()
    assert order.names == ["www.example.test", "new.example.test"]
    assert (order.kind, order.key_type) == (OrderKind.REISSUE, "rsa3072")
    assert Certificate.objects.get().names == ["www.example.test"]


def test_a_revocation_takes_its_reason_along(cast: Cast) -> None:
    certificate = factories.certificate()
    version = factories.version(certificate)
    signed_in(cast.operator).post(page(certificate, "revoke"), {"reason": "keyCompromise"})
    order = Order.objects.get()
    assert (order.kind, order.reason, order.version) == ("revoke", "keyCompromise", version)


def test_a_valid_certificate_is_deleted_only_by_force(cast: Cast) -> None:
    certificate = factories.certificate()
    factories.version(certificate)
    client = signed_in(cast.owner)
    refused = client.post(page(certificate, "delete"))
    assert "force" in errors_of(refused)["__all__"][0]
    assert Certificate.objects.exists()
    response = client.post(page(certificate, "delete"), {"force": "on"})
    assert response.headers["Location"] == page(Certificate, "changelist")
    assert not Certificate.objects.exists()


def test_a_download_has_no_private_key(cast: Cast) -> None:
    certificate = factories.certificate("*.example.test")
    factories.version(certificate)
    response = signed_in(cast.operator).post(page(certificate, "download"))
    assert "_wildcard.example.test.zip" in response.headers["Content-Disposition"]
    assert zipfile.ZipFile(io.BytesIO(response.content)).namelist() == [
        "cert.pem",
        "chain.pem",
        "fullchain.pem",
    ]


def test_a_private_key_leaves_for_the_right_password_only(cast: Cast) -> None:
    certificate = factories.certificate()
    version = factories.version(certificate)
    StoredBundle.objects.create(
        target=certificate.storage_target,
        kind="server",
        name=certificate.name,
        fingerprint=version.fingerprint,
        is_current=True,
        cert=version.cert,
        private_key={"pem": "THE KEY"},
    )
    client = signed_in(cast.operator)
    refused = client.post(page(certificate, "export_key"), {"password": "guess"})
    assert list(errors_of(refused)) == ["password"]
    response = client.post(page(certificate, "export_key"), {"password": PASSWORD})
    assert zipfile.ZipFile(io.BytesIO(response.content)).read("privkey.pem") == b"THE KEY"
    assert "no-store" in response.headers["Cache-Control"]


def test_settings_are_saved_through_the_service(cast: Cast) -> None:
    certificate = factories.certificate()
    factories.version(certificate)
    before = Certificate.objects.get().renew_at
    client = signed_in(cast.operator)
    client.post(page(certificate), {"renewal_days": "10", "tags": "a, b"})
    certificate.refresh_from_db()
    assert (certificate.auto_renew, certificate.renewal_days) == (False, 10)
    assert certificate.tags == ["a", "b"]
    assert certificate.renew_at != before


def test_a_paused_certificate_says_why_and_is_resumed(cast: Cast) -> None:
    factories.dns_account()
    certificate = factories.certificate(
        paused_at=clock.now(), pause_reason="acme.caa: forbidden", failures=3
    )
    client = signed_in(cast.operator)
    assert "acme.caa: forbidden" in text(client.get(page(certificate)))
    client.post(page(certificate, "resume"))
    certificate.refresh_from_db()
    assert certificate.paused_at is None
    assert Order.objects.get().state == OrderState.QUEUED


def test_a_bulk_action_tells_how_many_were_done_and_why_others_were_not(cast: Cast) -> None:
    factories.dns_account()
    free, busy = factories.certificate("a.example.test"), factories.certificate("b.example.test")
    factories.order(busy)
    response = signed_in(cast.operator).post(
        page(Certificate, "changelist"),
        {"action": "renew_selected", "_selected_action": [free.pk, busy.pk], "index": "0"},
        follow=True,
    )
    (message,) = told(response)
    assert message.startswith("1 queued for renewal, 1 skipped: Order")
    assert free.orders.count() == 1


def test_a_bulk_action_reaches_no_hidden_certificate(cast: Cast) -> None:
    shared, hidden = (
        factories.certificate("a.example.test"),
        factories.certificate("b.example.test"),
    )
    for verb in ("view", "change"):
        assign_perm(f"certificates.{verb}_certificate", cast.outsider, shared)
    signed_in(cast.outsider).post(
        page(Certificate, "changelist"),
        {"action": "turn_renewal_off", "_selected_action": [shared.pk, hidden.pk], "index": "0"},
    )
    assert not Certificate.objects.get(pk=shared.pk).auto_renew
    assert Certificate.objects.get(pk=hidden.pk).auto_renew
