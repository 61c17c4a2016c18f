"""Accounts in the admin: chosen by kind, written by services, secrets never shown."""

import re
from typing import Any

import pytest

from certmate.core.parameters import MASK
from providers.dns.catalogue import CATALOGUE, WELL_KNOWN
from providers.models import CAAccount, DNSAccount
from tests import factories
from tests.cast import Cast
from tests.ui.pages import page, queries, signed_in, text

SECRET = factories.RFC2136["tsig_secret"]
CLOUDFLARE: dict[str, Any] = {
    "provider": "cloudflare",
    "credentials": {"api_token": "TOKEN-CANARY"},
}


def add(cast: Cast, model: type[Any], kind: str, **data: Any) -> Any:
    return signed_in(cast.owner).post(f"{page(model, 'add')}?kind={kind}", data)


@pytest.mark.parametrize("model", [CAAccount, DNSAccount])
def test_adding_begins_with_the_catalogue(cast: Cast, model: type[Any]) -> None:
    client = signed_in(cast.owner)
    html = text(client.get(page(model, "add")))
    slugs = [slug for slug, _ in model._meta.get_field("provider").flatchoices]
    assert all(f"?kind={slug}" in html for slug in slugs)
    assert "?kind=" in text(client.get(page(model, "add") + "?kind=unknown"))
    for slug in slugs:
        assert client.get(f"{page(model, 'add')}?kind={slug}").status_code == 200


def test_a_long_catalogue_is_searched(cast: Cast) -> None:
    client = signed_in(cast.owner)
    found = text(client.get(page(DNSAccount, "add") + "?q=Power"))
    assert "?kind=powerdns" in found
    assert "?kind=cloudflare" not in found
    assert "All others" in text(client.get(page(DNSAccount, "add")))
    assert "Nothing is called so" in text(client.get(page(DNSAccount, "add") + "?q=nobody"))
    assert 'type="search"' not in text(client.get(page(CAAccount, "add")))


def test_what_is_well_known_comes_first(cast: Cast) -> None:
    client = signed_in(cast.owner)
    html = text(client.get(page(DNSAccount, "add")))
    shown = re.findall(r"\?kind=([a-z0-9-]+)", html)
    assert tuple(shown[: len(WELL_KNOWN)]) == WELL_KNOWN
    others = shown[len(WELL_KNOWN) :]
    assert others == [slug for slug in CATALOGUE if slug not in WELL_KNOWN]
    assert "<h2>" not in text(client.get(page(CAAccount, "add"))).partition("content-main")[2]


def test_the_fields_follow_from_the_catalogue(cast: Cast) -> None:
    client = signed_in(cast.owner)

    def fields(model: type[Any], kind: str) -> set[str]:
        return set(client.get(f"{page(model, 'add')}?kind={kind}").context["form"].fields)

    assert fields(CAAccount, "letsencrypt") == {
        *("name", "email", "profile", "orders_per_hour", "team", "is_default")
    }
    assert "directory_url" in fields(CAAccount, "digicert")
    assert {"directory_url", "eab_kid", "trust_bundle"} <= fields(CAAccount, "acme")
    assert "credentials_api_token" in fields(DNSAccount, "cloudflare")
    assert "credentials_tsig_secret" in fields(DNSAccount, "rfc2136")


def test_a_ca_account_is_added(cast: Cast) -> None:
    directory = "https://ca.example.test/directory"
    eab = {"eab_kid": "kid", "eab_hmac_key": "bWFj"}
    response = add(cast, CAAccount, "acme", name="own", directory_url=directory, **eab)
    account = CAAccount.objects.get()
    assert response.headers["Location"] == page(account)
    assert (account.provider, account.directory_url) == ("acme", directory)
    assert account.eab == {"kid": "kid", "hmac_key": "bWFj"}


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": "Not A Name"}, "name"),
        ({"name": "taken"}, "name"),
        ({"directory_url": "http://ca.example.test/directory"}, "directory_url"),
        ({"directory_url": ""}, "directory_url"),
        ({"eab_kid": "kid"}, "eab_hmac_key"),
        ({"trust_bundle": "-----BEGIN CERTIFICATE-----\nAA"}, "trust_bundle"),
        ({"email": "nobody"}, "email"),
        ({"profile": "two words"}, "profile"),
    ],
)
def test_a_refused_ca_account_is_told_at_its_field_and_not_stored(
    cast: Cast, changed: dict[str, str], field: str
) -> None:
    factories.ca_account("taken")
    data = {"name": "own", "directory_url": "https://ca.example.test/directory"} | changed
    response = add(cast, CAAccount, "acme", **data)
    assert list(response.context["form"].errors) == [field]
    assert CAAccount.objects.count() == 1


def test_an_hmac_key_that_is_left_empty_stays(cast: Cast) -> None:
    account = factories.ca_account(eab={"kid": "kid", "hmac_key": "HMAC-CANARY"})
    client = signed_in(cast.owner)
    html = text(client.get(page(account)))
    assert "HMAC-CANARY" not in html
    assert MASK in html
    sent = {"directory_url": account.directory_url, "email": "new@example.test"}
    client.post(page(account), sent | {"eab_kid": "kid", "eab_hmac_key": "", "trust_bundle": ""})
    account.refresh_from_db()
    assert account.email == "new@example.test"
    assert account.eab["hmac_key"] == "HMAC-CANARY"


def test_the_directory_of_a_registered_account_is_not_offered(cast: Cast) -> None:
    account = factories.ca_account(account_uri="https://ca.example.test/acct/1")
    form = signed_in(cast.owner).get(page(account)).context["form"]
    assert "directory_url" not in form.fields


def test_a_dns_account_is_added(cast: Cast) -> None:
    data = {f"credentials_{name}": value for name, value in factories.RFC2136.items()}
    add(cast, DNSAccount, "rfc2136", name="bind", zones="example.test, example.org", **data)
    account = DNSAccount.objects.get()
    assert account.zones == ["example.test", "example.org"]
    assert account.credentials["tsig_secret"] == SECRET


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"credentials_nameserver": ""}, "credentials_nameserver"),
        ({"credentials_port": "many"}, "credentials_port"),
        ({"credentials_tsig_secret": "not base64!"}, "credentials_tsig_secret"),
        ({"zones": "*.example.test"}, "zones"),
        ({"propagation_seconds": "-1"}, "propagation_seconds"),
    ],
)
def test_a_refused_dns_account_is_told_at_its_field_and_not_stored(
    cast: Cast, changed: dict[str, str], field: str
) -> None:
    data = {f"credentials_{name}": value for name, value in factories.RFC2136.items()}
    response = add(cast, DNSAccount, "rfc2136", name="bind", **(data | changed))
    assert list(response.context["form"].errors) == [field]
    assert SECRET not in text(response)
    assert not DNSAccount.objects.exists()


def test_credentials_are_masked_and_stay_unless_they_are_sent(cast: Cast) -> None:
    account = factories.dns_account(**CLOUDFLARE)
    client = signed_in(cast.owner)
    for url in (page(account), page(DNSAccount, "changelist")):
        assert "TOKEN-CANARY" not in text(client.get(url))
    client.post(page(account), {"zones": "example.net"})
    account.refresh_from_db()
    assert account.zones == ["example.net"]
    assert account.credentials == {"api_token": "TOKEN-CANARY"}


def test_a_stored_secret_is_removed_when_that_is_meant(cast: Cast) -> None:
    account = factories.dns_account(**CLOUDFLARE)
    sent = {"credentials_api_token_remove": "on", "credentials_email": "ops@example.test"}
    client = signed_in(cast.owner)
    client.post(page(account), sent | {"credentials_api_key": "KEY-CANARY"})
    account.refresh_from_db()
    assert account.credentials == {"email": "ops@example.test", "api_key": "KEY-CANARY"}


def test_a_new_default_takes_the_place_of_the_old_one(cast: Cast) -> None:
    factories.ca_account("old", is_default=True)
    add(cast, CAAccount, "letsencrypt", name="new", is_default="on")
    assert [account.name for account in CAAccount.objects.filter(is_default=True)] == ["new"]


@pytest.mark.parametrize("make", [factories.ca_account, factories.dns_account])
def test_who_may_only_look_changes_nothing(cast: Cast, make: Any) -> None:
    account = make()
    client = signed_in(cast.auditor)
    assert client.get(page(account)).context["form"] is None
    assert client.post(page(account), {"email": "x@example.test"}).status_code == 403
    assert client.post(page(account, "delete")).status_code == 403
    assert client.get(page(type(account), "add")).status_code == 403


def test_an_account_in_use_is_not_deleted(cast: Cast) -> None:
    account = factories.ca_account()
    certificate = factories.certificate(ca_account=account)
    client = signed_in(cast.owner)
    response = client.post(page(account, "delete"))
    assert "is used by" in response.context["form"].errors["__all__"][0]
    certificate.delete()
    assert client.post(page(account, "delete")).status_code == 302
    assert not CAAccount.objects.exists()


@pytest.mark.parametrize("make", [factories.ca_account, factories.dns_account])
def test_a_list_takes_as_many_queries_for_fifty_rows_as_for_five(cast: Cast, make: Any) -> None:
    for number in range(5):
        account = make(f"a{number}")
    client = signed_in(cast.owner)
    few = queries(client, page(type(account), "changelist"))
    for number in range(5, 50):
        make(f"a{number}")
    assert queries(client, page(type(account), "changelist")) == few <= 6
