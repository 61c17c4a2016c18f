"""What no page of the admin tells: what is hidden, and what no list shows."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from certificates.models import Certificate, Order
from certmate.access.models import ApiToken
from certmate.access.verbs import Verb
from certmate.ui.base import PolicyAdmin
from tests import factories
from tests.cast import Cast, token_for
from tests.ui.pages import page, signed_in, text, told
from tests.ui.test_grants import grant, permit

NEW = "a fresh and long password"


@pytest.fixture
def certificate(cast: Cast) -> Certificate:
    return factories.certificate()


def test_every_page_asks_the_policy() -> None:
    for model, own in admin.site._registry.items():
        assert isinstance(own, PolicyAdmin), model


@pytest.mark.parametrize(
    "lookup",
    [
        "ca_account__name",
        "ca_account__eab__contains",
        "csr__contains",
        "alt_names__value",
        "created_by__password__startswith",
        "current_version__serial",
        "name__regex",
    ],
)
def test_a_list_answers_no_guesses(cast: Cast, certificate: Certificate, lookup: str) -> None:
    url = page(Certificate, "changelist")
    assert signed_in(cast.operator).get(url, {lookup: "a"}).status_code == 400


@pytest.mark.parametrize(
    ("model", "lookup"),
    [(ApiToken, "digest__startswith"), (User, "password__startswith"), (Order, "csr__contains")],
)
def test_no_list_is_filtered_by_a_secret(cast: Cast, model: type[Any], lookup: str) -> None:
    token_for(cast.owner, "read")
    url = page(model, "changelist")
    assert signed_in(cast.owner).get(url, {lookup: "a"}).status_code == 400


def test_lists_are_filtered_by_what_they_offer(cast: Cast, certificate: Certificate) -> None:
    client, url = signed_in(cast.auditor), page(Certificate, "changelist")
    for query in (
        {"state__exact": "pending"},
        {"auto_renew__exact": "1"},
        {"ca_account__id__exact": str(certificate.ca_account_id)},
        {"paused": "no", "expiry": "never"},
    ):
        assert client.get(url, query).context["cl"].result_count == 1, query
    orders = page(Order, "changelist")
    factories.order(certificate)
    found = client.get(orders, {"certificate": str(certificate.pk)}).context["cl"]
    assert found.result_count == 1


def autocompleted(client: Client, field: str, term: str = "") -> Any:
    query = {"app_label": "certificates", "model_name": "certificate", "field_name": field}
    return client.get("/admin/autocomplete/", {**query, "term": term})


def test_autocomplete_finds_only_what_may_be_seen(cast: Cast) -> None:
    seen, hidden = factories.ca_account("seen"), factories.ca_account("hidden")
    grant(cast.outsider, seen, Verb.VIEW)
    answer = autocompleted(signed_in(cast.outsider), "ca_account")
    assert [found["id"] for found in answer.json()["results"]] == [str(seen.pk)]
    assert hidden.name not in text(answer)
    assert autocompleted(signed_in(cast.outsider), "dns_account").status_code == 403
    assert autocompleted(signed_in(cast.outsider), "created_by").status_code == 403
    many = autocompleted(signed_in(cast.owner), "ca_account").json()["results"]
    assert len(many) == 2


def test_filters_and_pickers_offer_only_what_may_be_seen(cast: Cast) -> None:
    account = factories.ca_account("hidden-account")
    certificate = factories.certificate(ca_account=account)
    grant(cast.outsider, certificate, Verb.VIEW)
    permit(cast.outsider, "add_certificate")
    client = signed_in(cast.outsider)
    for url in (page(Certificate, "changelist"), page(Certificate, "add")):
        html = text(client.get(url))
        assert f'value="{account.pk}"' not in html
        assert f"ca_account__id__exact={account.pk}" not in html


def test_a_hidden_object_gives_no_sign_of_itself(cast: Cast, certificate: Certificate) -> None:
    client = signed_in(cast.outsider)
    missing = Certificate(pk=certificate.pk + 1000)
    for name in ("change", "access", "renew", "delete", "history", "export_key"):
        answers = [client.get(page(obj, name)) for obj in (certificate, missing)]
        assert [a.status_code for a in answers] == [404, 404], name
    assert client.get(page(Certificate, "changelist")).status_code == 403
    overview = text(client.get("/admin/"))
    assert certificate.name not in overview


@pytest.mark.parametrize("query", [{"_to_field": "password"}, {"_to_field": "username"}])
def test_no_page_is_addressed_by_another_column(cast: Cast, query: dict[str, str]) -> None:
    client = signed_in(cast.outsider)
    for model in (User, Certificate):
        url = page(model, "changelist")
        assert client.get(url, query).status_code in (400, 403)
    assert (
        client.get("/admin/certificates/certificate/name/change/?_to_field=name").status_code == 404
    )


def test_bulk_actions_do_what_is_allowed_and_report_the_rest(cast: Cast) -> None:
    allowed = factories.certificate("allowed.example.test")
    denied = factories.certificate("denied.example.test")
    hidden = factories.certificate("hidden.example.test")
    grant(cast.outsider, allowed, Verb.VIEW, Verb.CHANGE)
    grant(cast.outsider, denied, Verb.VIEW)
    chosen = [allowed.pk, denied.pk, hidden.pk]
    sent = {"action": "turn_renewal_off", "_selected_action": chosen}
    url = page(Certificate, "changelist")
    response = signed_in(cast.outsider).post(url, sent, follow=True)
    state = dict(Certificate.objects.values_list("name", "auto_renew"))
    assert state == {allowed.name: False, denied.name: True, hidden.name: True}
    (message,) = told(response)
    assert message.startswith("1 now renewed by hand only, 1 skipped")
    assert hidden.name not in text(response)


def test_no_short_cut_tells_what_there_is(cast: Cast, certificate: Certificate) -> None:
    client = signed_in(cast.outsider)
    for obj in (certificate, cast.owner, factories.storage_target("hidden-target")):
        kind = ContentType.objects.get_for_model(obj)
        missing = uuid4() if isinstance(obj.pk, UUID) else 10**6
        answers = [client.get(f"/admin/r/{kind.pk}/{pk}/") for pk in (obj.pk, missing)]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert str(obj) not in text(answers[0])
        assert text(answers[0]) == text(answers[1])
