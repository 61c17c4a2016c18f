"""What a client claims about itself, and what a server names, is not believed."""

import base64
import json

import pytest
from auditlog.models import LogEntry
from django.test import Client, override_settings

from certmate.access.models import ApiToken
from certmate.pki import inspect
from providers.acme.isolated import network
from tests import factories
from tests.caller import Caller, problem
from tests.cast import Cast, token_for
from tests.storage import bundles

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "claims",
    [
        {"alg": "none"},
        {"alg": "HS256", "jwk": {"kty": "oct", "k": ""}},
        {"alg": "HS256", "jku": "https://evil.example.test/keys"},
    ],
)
def test_a_token_is_not_what_it_says_of_itself(cast: Cast, claims: dict[str, object]) -> None:
    """GHSA-r9gp: a JWT that chose its own algorithm. Tokens here say nothing, they are found."""

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    jwt = f"{part(claims)}.{part({'sub': cast.owner.pk, 'scope': 'admin'})}."
    for forged in (jwt, f"cm_{jwt}", token_for(cast.owner, "admin") + "x"):
        client = Client(headers={"Authorization": f"Bearer {forged}"})
        problem(client.get("/api/me"), 401, "auth.invalid")


def test_the_digest_of_a_token_is_not_a_token(cast: Cast) -> None:
    token_for(cast.owner, "admin")
    digest = ApiToken.objects.get().digest
    for stolen in (digest, f"cm_{digest}"):
        client = Client(headers={"Authorization": f"Bearer {stolen}"})
        problem(client.get("/api/me"), 401, "auth.invalid")


FORWARDED = {
    "X-Forwarded-For": "192.0.2.99",
    "X-Real-IP": "192.0.2.99",
    "Forwarded": "for=192.0.2.99;proto=https;host=evil.example.test",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example.test",
    "X-Forwarded-User": "owner",
    "X-Remote-User": "owner",
    "X-Ssl-Client-S-Dn": "CN=owner",
}


def test_a_forwarding_header_is_not_an_address(cast: Cast) -> None:
    """UCM 2.207: the proxy that was believed was anybody."""
    plaintext = token_for(cast.owner, "admin")
    ApiToken.objects.update(networks=["192.0.2.0/24"])
    client = Client(headers={"Authorization": f"Bearer {plaintext}", **FORWARDED})
    problem(client.get("/api/me"), 401, "auth.invalid")


def test_a_forwarding_header_does_not_come_into_the_audit_log(cast: Cast) -> None:
    client = Client(
        headers={"Authorization": f"Bearer {token_for(cast.owner, 'admin')}", **FORWARDED}
    )
    body = {"name": "new", "provider": "letsencrypt-staging", "email": "ops@example.test"}
    made = client.post("/api/ca-accounts", json.dumps(body), content_type="application/json")
    assert made.status_code == 201
    told = LogEntry.objects.filter(content_type__model="caaccount").latest("id")
    assert told.remote_addr == "127.0.0.1"
    assert "evil.example.test" not in made.headers["Location"]


def test_a_forwarding_header_is_nobodys_identity(cast: Cast) -> None:
    problem(Client(headers=FORWARDED).get("/api/me"), 401, "auth.required")
    assert Client(headers=FORWARDED).get("/admin/").status_code == 302


@override_settings(CERTMATE_BEHIND_PROXY=True)
def test_behind_a_proxy_the_first_entry_is_not_believed(cast: Cast) -> None:
    """The client writes the first entries; only the last one is the proxy's own."""
    plaintext = token_for(cast.owner, "admin")
    ApiToken.objects.update(networks=["192.0.2.0/24"])
    headers = {"Authorization": f"Bearer {plaintext}", "X-Forwarded-For": "192.0.2.9, 203.0.113.5"}
    problem(Client(headers=headers).get("/api/me"), 401, "auth.invalid")


@pytest.mark.parametrize(
    "url",
    [
        "http://ca.example.test/directory",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "https://user:password@ca.example.test/directory",
        "https://metadata.google.internal@169.254.169.254/",
        "//169.254.169.254/",
    ],
)
def test_the_directory_of_a_ca_account_is_not_any_url(cast: Cast, url: str) -> None:
    """GHSA-v5rc, v2wp, xpmj: the server was sent to addresses of its own network."""
    body = {"name": "evil", "provider": "acme", "directory_url": url, "email": "ops@example.test"}
    answer = Caller(cast.owner).post("/api/ca-accounts", **body)
    assert answer.status_code == 400
    account = factories.ca_account()
    changed = Caller(cast.owner).patch(f"/api/ca-accounts/{account.name}", directory_url=url)
    assert changed.status_code == 400
    account.refresh_from_db()
    assert account.directory_url == "https://ca.example.test/directory"


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "[::ffff:169.254.169.254]", "[fe80::1]", "0.0.0.0", "168.63.129.16"],
)
def test_a_ca_does_not_send_certmate_to_the_metadata_of_its_host(address: str) -> None:
    """The same addresses, as a directory and as what a directory or an order answers: each is asked
    about when it is called, whoever named it.
    """
    with pytest.raises(network.RefusedURL):
        network.check_url(f"https://{address}/latest/meta-data/")


def test_a_certificate_does_not_make_its_reader_open_a_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """GHSA-54vg: the CDP and OCSP addresses in a certificate were fetched."""
    import socket

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("A connection was opened.")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    inspect.describe_certificate(bundles.issue().cert)
