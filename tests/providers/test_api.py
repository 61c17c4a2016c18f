"""Catalogues and accounts over the API: secrets go in and never come out."""

from typing import Any

import pytest
from django.db import connection

from certmate.core.parameters import MASK
from certmate.pki.keys import KeyType, generate
from providers.acme.catalogue import CATALOGUE as CAS
from providers.dns.catalogue import CATALOGUE as DNS
from providers.models import CAAccount, DNSAccount
from tests import factories
from tests.caller import Caller, problem
from tests.cast import Cast
from tests.storage.bundles import authority

pytestmark = pytest.mark.django_db

CANARY = "Y2FuYXJ5LXNlY3JldA=="
CREDENTIALS = {"nameserver": "192.0.2.53", "tsig_key": "certmate", "tsig_secret": CANARY}
DNS_BODY = {
    "name": "bind",
    "provider": "rfc2136",
    "credentials": CREDENTIALS,
    "zones": ["Example.TEST"],
}
CA_BODY = {
    "name": "own",
    "provider": "acme",
    "directory_url": "https://ca.example.test/directory",
    "email": "ops@example.test",
    "eab_kid": "kid-1",
    "eab_hmac_key": CANARY,
}


@pytest.fixture
def owner(cast: Cast) -> Caller:
    return Caller(cast.owner)


@pytest.mark.parametrize(("kind", "entries"), [("ca", CAS), ("dns", DNS)])
def test_the_catalogues_are_whole_and_readable_to_all_who_sign_in(
    cast: Cast, kind: str, entries: dict[str, Any]
) -> None:
    caller = Caller(cast.outsider, "read")
    listed: list[dict[str, Any]] = []
    page = f"/api/{kind}-providers?limit=100"
    while page:
        answer = caller.get(page).json()
        listed += answer["results"]
        page = answer["next"]
    assert {entry["slug"] for entry in listed} == set(entries)
    for entry in listed:
        assert caller.get(f"/api/{kind}-providers/{entry['slug']}").json() == entry
    problem(caller.get(f"/api/{kind}-providers/nobody"), 404, "request.not_found")
    problem(caller.post(f"/api/{kind}-providers"), 405, "request.method")


def test_a_dns_provider_declares_its_parameters(owner: Caller) -> None:
    parameters = owner.get("/api/dns-providers/rfc2136").json()["parameters"]
    assert [p["name"] for p in parameters] == [p.name for p in DNS["rfc2136"].parameters]
    secret = next(p for p in parameters if p["name"] == "tsig_secret")
    assert (secret["secret"], secret["required"], secret["choices"]) == (True, True, [])


def test_a_dns_account_is_made_and_shows_no_secret(owner: Caller) -> None:
    answer = owner.send("POST", "/api/dns-accounts", DNS_BODY)
    assert answer.status_code == 201, answer.content
    assert answer["Location"].endswith("/api/dns-accounts/bind")
    for shown in (
        answer.json(),
        owner.get("/api/dns-accounts/bind").json(),
        owner.get("/api/dns-accounts").json()["results"][0],
    ):
        assert shown["credentials"]["tsig_secret"] == MASK
        assert shown["credentials"]["nameserver"] == "192.0.2.53"
        assert shown["zones"] == ["example.test"]
        assert CANARY not in str(shown)
    assert DNSAccount.objects.get().credentials["tsig_secret"] == CANARY


@pytest.mark.parametrize("secret", [MASK, None])
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_masked_or_missing_secret_stays(owner: Caller, method: str, secret: str | None) -> None:
    owner.send("POST", "/api/dns-accounts", DNS_BODY)
    credentials = CREDENTIALS | {"tsig_secret": secret}
    if secret is None:
        del credentials["tsig_secret"]
    body = DNS_BODY | {"credentials": credentials, "propagation_seconds": 7}
    assert owner.send(method, "/api/dns-accounts/bind", body).status_code == 200
    stored = DNSAccount.objects.get()
    assert (stored.propagation_seconds, stored.credentials["tsig_secret"]) == (7, CANARY)


def test_a_new_secret_replaces_the_old_one(owner: Caller) -> None:
    owner.send("POST", "/api/dns-accounts", DNS_BODY)
    other = CREDENTIALS | {"tsig_secret": "b3RoZXItc2VjcmV0LWtleQ=="}
    assert owner.patch("/api/dns-accounts/bind", credentials=other).status_code == 200
    assert DNSAccount.objects.get().credentials["tsig_secret"] == "b3RoZXItc2VjcmV0LWtleQ=="


def test_a_replacement_resets_what_it_leaves_out_and_a_change_does_not(owner: Caller) -> None:
    owner.send("POST", "/api/dns-accounts", DNS_BODY | {"propagation_seconds": 90})
    assert owner.patch("/api/dns-accounts/bind", zones=[]).json()["propagation_seconds"] == 90
    body = {name: DNS_BODY[name] for name in ("name", "provider", "credentials")}
    shown = owner.send("PUT", "/api/dns-accounts/bind", body).json()
    assert (shown["propagation_seconds"], shown["zones"]) == (None, [])
    problem(owner.put("/api/dns-accounts/bind", zones=[]), 400, "request.invalid")


def test_a_ca_account_is_made_changed_and_shows_no_secret(owner: Caller) -> None:
    answer = owner.send("POST", "/api/ca-accounts", CA_BODY)
    assert answer.status_code == 201, answer.content
    assert (answer.json()["eab_kid"], answer.json()["eab_hmac_key"]) == ("kid-1", MASK)
    changed = owner.patch("/api/ca-accounts/own", eab_hmac_key=MASK, email="new@example.test")
    assert changed.json()["email"] == "new@example.test"
    assert CANARY not in str(changed.json()) + str(owner.get("/api/ca-accounts").json())
    assert CAAccount.objects.get().eab == {"kid": "kid-1", "hmac_key": CANARY}
    replaced = owner.send("PUT", "/api/ca-accounts/own", CA_BODY | {"eab_hmac_key": MASK})
    assert replaced.json()["email"] == "ops@example.test"
    trusted = owner.patch("/api/ca-accounts/own", trust_bundle=authority().pem).json()
    assert trusted["trust_bundle"].strip() == authority().pem.strip()


def test_what_is_stored_is_encrypted(owner: Caller) -> None:
    owner.send("POST", "/api/dns-accounts", DNS_BODY)
    owner.send("POST", "/api/ca-accounts", CA_BODY)
    with connection.cursor() as cursor:
        for table in ("providers_dnsaccount", "providers_caaccount", "auditlog_logentry"):
            cursor.execute(f"SELECT * FROM {table}")
            assert CANARY not in str(cursor.fetchall())


BAD: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "no provider": ("ca", {"provider": ...}, "provider", "request.invalid"),
    "an unknown CA": ("ca", {"provider": "x"}, "provider", "acme.unknown_provider"),
    "a directory of http": (
        "ca",
        {"directory_url": "http://x.test"},
        "directory_url",
        "acme.directory",
    ),
    "half an EAB": ("ca", {"eab_kid": ...}, "eab_kid", "acme.eab"),
    "a bad address": ("ca", {"email": "nobody"}, "email", "request.invalid"),
    "a key for a bundle": (
        "ca",
        {"trust_bundle": generate(KeyType.EC256)},
        "trust_bundle",
        "certificate.malformed",
    ),
    "a bad name": ("ca", {"name": "Own CA"}, "name", "request.invalid"),
    "an unknown field": ("ca", {"colour": "x"}, "colour", "request.unknown_field"),
    "an unknown team": ("ca", {"team": "x"}, "team", "team.unknown"),
    "a flag as text": ("ca", {"is_default": "no"}, "is_default", "request.invalid"),
    "an unknown DNS provider": ("dns", {"provider": "x"}, "provider", "dns.unknown_provider"),
    "credentials as text": ("dns", {"credentials": "x"}, "credentials", "request.invalid"),
    "a missing parameter": (
        "dns",
        {"credentials": {}},
        "credentials.nameserver",
        "parameters.missing",
    ),
    "an unknown parameter": (
        "dns",
        {"credentials": CREDENTIALS | {"token": "x"}},
        "credentials.token",
        "parameters.unknown",
    ),
    "an injected line": (
        "dns",
        {"credentials": CREDENTIALS | {"tsig_key": "a\nb"}},
        "credentials.tsig_key",
        "parameters.invalid",
    ),
    "a bad zone": ("dns", {"zones": ["*.example.test"]}, "zones", "dns.zone"),
    "a negative wait": (
        "dns",
        {"propagation_seconds": -1},
        "propagation_seconds",
        "request.invalid",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_names_its_field_and_stores_nothing(owner: Caller, what: str) -> None:
    kind, change, field, code = BAD[what]
    good: dict[str, Any] = CA_BODY if kind == "ca" else DNS_BODY
    body = {name: value for name, value in (good | change).items() if value is not ...}
    answer = owner.send("POST", f"/api/{kind}-accounts", body)
    document = problem(answer, 400, code)
    assert list(document["errors"]) == [field]
    assert CANARY not in answer.content.decode()
    assert not CAAccount.objects.exists()
    assert not DNSAccount.objects.exists()


@pytest.mark.parametrize(("kind", "body"), [("ca", CA_BODY), ("dns", DNS_BODY)])
def test_a_name_is_taken_once_and_never_changes(
    owner: Caller, kind: str, body: dict[str, Any]
) -> None:
    path = f"/api/{kind}-accounts"
    assert owner.send("POST", path, body).status_code == 201
    document = problem(owner.send("POST", path, body), 409, "request.taken")
    assert list(document["errors"]) == ["name"]
    one = f"{path}/{body['name']}"
    for field, value in (("name", "other"), ("provider", "cloudflare")):
        document = problem(owner.patch(one, **{field: value}), 400, "request.fixed")
        assert list(document["errors"]) == [field]
    assert owner.patch(one, name=body["name"], provider=body["provider"]).status_code == 200


def test_an_account_in_use_is_not_deleted(owner: Caller) -> None:
    used = factories.certificate(dns_account=factories.dns_account())
    problem(owner.delete(f"/api/ca-accounts/{used.issued_by.name}"), 409, "account.in_use")
    problem(owner.delete("/api/dns-accounts/dns"), 409, "account.in_use")
    factories.dns_account("free")
    assert owner.delete("/api/dns-accounts/free").status_code == 204
    problem(owner.get("/api/dns-accounts/free"), 404, "request.not_found")


def test_lists_are_filtered_and_searched(owner: Caller) -> None:
    factories.ca_account("alpha", is_default=True)
    factories.ca_account("beta", provider="letsencrypt")
    for query, expected in {
        "": ["alpha", "beta"],
        "provider=letsencrypt": ["beta"],
        "is_default=true": ["alpha"],
        "search=be": ["beta"],
        "ordering=-name": ["beta", "alpha"],
    }.items():
        rows = owner.get(f"/api/ca-accounts?{query}").json()["results"]
        assert [row["name"] for row in rows] == expected, query


@pytest.mark.parametrize("kind", ["ca", "dns"])
def test_only_administrators_write_and_outsiders_see_nothing(cast: Cast, kind: str) -> None:
    factories.ca_account("own")
    factories.dns_account("own")
    good: dict[str, Any] = CA_BODY if kind == "ca" else DNS_BODY
    body = good | {"name": "new"}
    path, one = f"/api/{kind}-accounts", f"/api/{kind}-accounts/own"
    for caller in (Caller(cast.operator), Caller(cast.auditor), Caller(cast.owner, "operate")):
        assert caller.get(one).status_code == 200
        problem(caller.send("POST", path, body), 403, "access.denied")
        problem(caller.patch(one, is_default=True), 403, "access.denied")
        problem(caller.delete(one), 403, "access.denied")
    outsider = Caller(cast.outsider)
    assert outsider.get(path).json()["results"] == []
    problem(outsider.send("POST", path, body), 403, "access.denied")
    problem(outsider.patch(one, is_default=True), 404, "request.not_found")
    problem(outsider.delete(one), 404, "request.not_found")
    problem(Caller().get(path), 401, "auth.required")


def test_a_regional_directory_is_honoured_and_a_foreign_one_refused(owner: Caller) -> None:
    wanted = {"name": "d", "provider": "digicert", "eab_kid": "kid", "eab_hmac_key": CANARY}
    region = "https://one.nl.digicert.com/mpki/api/v1/acme/v2/directory"
    made = owner.post("/api/ca-accounts", **wanted | {"directory_url": region})
    assert (made.status_code, made.json()["directory_url"]) == (201, region)
    for url in ("https://digicert.com.evil.test/dir", "https://evil-digicert.com/dir"):
        answer = owner.post("/api/ca-accounts", **wanted | {"name": "e", "directory_url": url})
        problem(answer, 400, "acme.directory")
    usual = owner.post("/api/ca-accounts", **wanted | {"name": "u"}).json()
    assert usual["directory_url"] == CAS["digicert"].directory_url
