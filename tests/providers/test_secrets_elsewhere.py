"""Who may change an account can neither read its secrets nor have them sent elsewhere."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from guardian.shortcuts import assign_perm

from certmate.core.parameters import MASK
from providers.dns.catalogue import CATALOGUE
from providers.dns.provider import DNSProvider
from providers.models import CAAccount, DNSAccount
from tests import factories
from tests.caller import Caller, problem
from tests.cast import Cast
from tests.providers.dns import samples
from tests.ui.pages import page, signed_in, text

PATH = "/api/dns-accounts/dns"
ELSEWHERE = [
    ("desec", {"endpoint": "https://elsewhere.test"}, "api_token"),
    ("powerdns", {"api_url": "https://elsewhere.test"}, "api_key"),
    ("acme-dns", {"api_url": "https://elsewhere.test"}, "password"),
    ("cpanel", {"base_url": "https://elsewhere.test"}, "token"),
    ("route53", {"endpoint_url": "https://elsewhere.test"}, "secret_access_key"),
    ("rfc2136", {"nameserver": "192.0.2.66"}, "tsig_secret"),
    ("rfc2136", {"port": "5353"}, "tsig_secret"),
    ("edgedns", {"host": "elsewhere.test"}, "client_token"),
    ("f5xc", {"tenant_name": "elsewhere.test/"}, "api_token"),
    ("huaweicloud", {"region": "elsewhere"}, "secret_access_key"),
    ("ovh", {"endpoint": "ovh-ca"}, "application_key"),
    ("infoblox", {"ssl_verify": "false"}, "password"),
    ("infoblox", {"ca_bundle": "another root"}, "password"),
    ("script", {"auth_hook": "another"}, "environment"),
]


@pytest.fixture
def changer(cast: Cast) -> Caller:
    """Somebody with a grant to change the one account, and no more."""
    return Caller(cast.outsider)


def kept(provider: str, user: User) -> DNSAccount:
    """An account with secrets, which the user may change."""
    entry = CATALOGUE[provider]
    credentials = entry.validate(samples.credentials(entry))
    account = factories.dns_account(provider=provider, credentials=credentials)
    for verb in ("view", "change"):
        assign_perm(f"providers.{verb}_dnsaccount", user, account)
    return account


@pytest.mark.parametrize("provider", CATALOGUE.values(), ids=list(CATALOGUE))
def test_whatever_is_no_secret_may_decide_where_the_secrets_go(provider: DNSProvider) -> None:
    stored = provider.validate(samples.credentials(provider))
    assert not provider.moves(stored, stored)
    for parameter in provider.parameters:
        if not parameter.secret:
            assert provider.moves(stored, stored | {parameter.name: "elsewhere"}), parameter.name
    # A default that is written down later moves nothing.
    defaults = {p.name: p.default for p in provider.parameters if p.default}
    before = {name: value for name, value in stored.items() if name not in defaults}
    assert not provider.moves(before, before | defaults)


@pytest.mark.parametrize(("provider", "change", "named"), ELSEWHERE)
def test_a_secret_does_not_go_to_another_place_unseen(
    cast: Cast, changer: Caller, provider: str, change: dict[str, str], named: str
) -> None:
    stored = kept(provider, cast.outsider).credentials
    shown = changer.get(PATH).json()["credentials"]
    open_ones = {name: value for name, value in shown.items() if value != MASK}
    for sent in (shown | change, open_ones | change):
        document = problem(changer.patch(PATH, credentials=sent), 400, "account.secret_needed")
        assert list(document["errors"]) == [f"credentials.{named}"]
        assert DNSAccount.objects.get().credentials == stored
    answer = changer.patch(PATH, credentials=stored | change)
    assert answer.status_code == 200, answer.content
    assert DNSAccount.objects.get().credentials == stored | change


def test_all_secrets_are_asked_for_and_one_of_several_is_not_enough(
    cast: Cast, changer: Caller
) -> None:
    stored = kept("edgedns", cast.outsider).credentials
    moved = {"host": "elsewhere.test", "client_token": stored["client_token"]}
    document = problem(changer.patch(PATH, credentials=moved), 400, "account.secret_needed")
    assert document["detail"].endswith("Client secret, Access token.")
    assert DNSAccount.objects.get().credentials == stored


def test_leaving_out_where_they_go_moves_them_too(cast: Cast, changer: Caller) -> None:
    account = kept("desec", cast.outsider)
    account.credentials["endpoint"] = "https://desec.corp.test"
    account.save()
    answer = changer.patch(PATH, credentials={"api_token": MASK})
    problem(answer, 400, "account.secret_needed")


def test_one_secret_of_several_is_replaced_alone(cast: Cast, changer: Caller) -> None:
    stored = kept("inwx", cast.outsider).credentials
    shown = changer.get(PATH).json()["credentials"]
    answer = changer.patch(PATH, credentials=shown | {"password": "another"})
    assert answer.status_code == 200, answer.content
    assert DNSAccount.objects.get().credentials == stored | {"password": "another"}


def test_the_admin_says_at_its_field_which_secret_is_needed(cast: Cast) -> None:
    account = kept("powerdns", cast.owner)
    client = signed_in(cast.owner)
    sent: dict[str, Any] = {"credentials_api_url": "https://elsewhere.test"}
    sent["credentials_server_name"] = "localhost"
    response = client.post(page(account), sent)
    assert list(response.context["form"].errors) == ["credentials_api_key"]
    assert account.credentials["api_key"] not in text(response)
    assert DNSAccount.objects.get().credentials == account.credentials
    assert client.post(page(account), sent | {"credentials_api_key": "again"}).status_code == 302
    assert DNSAccount.objects.get().credentials["api_url"] == "https://elsewhere.test"


BOUND: dict[str, Any] = {"eab": {"kid": "kid", "hmac_key": "HMAC-CANARY"}}


@pytest.mark.parametrize("sent", [{}, {"eab_hmac_key": MASK}, {"eab_kid": "kid"}])
def test_a_binding_is_not_shown_to_another_directory(cast: Cast, sent: dict[str, str]) -> None:
    account = factories.ca_account(**BOUND)
    caller, moved = Caller(cast.owner), {"directory_url": "https://elsewhere.test/directory"}
    answer = caller.patch("/api/ca-accounts/ca", **moved, **sent)
    assert list(problem(answer, 400, "account.secret_needed")["errors"]) == ["eab_hmac_key"]
    assert CAAccount.objects.get().directory_url == account.directory_url
    assert caller.patch("/api/ca-accounts/ca", email="new@example.test").status_code == 200
    for given in ({"eab_hmac_key": "bmV3"}, {"eab_kid": "", "eab_hmac_key": ""}):
        assert caller.patch("/api/ca-accounts/ca", **moved, **given).status_code == 200
        CAAccount.objects.update(directory_url=account.directory_url)


def test_the_admin_asks_at_its_field_for_the_binding_of_an_account_that_moves(cast: Cast) -> None:
    account = factories.ca_account(**BOUND)
    sent = {"directory_url": "https://elsewhere.test/directory", "eab_kid": "kid"}
    response = signed_in(cast.owner).post(page(account), sent | {"eab_hmac_key": ""})
    assert list(response.context["form"].errors) == ["eab_hmac_key"]
    assert CAAccount.objects.get().directory_url == account.directory_url
