"""Bad input is answered with the field that is wrong, and nothing is stored."""

from functools import cache
from typing import Any

import pytest
from auditlog.models import LogEntry
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from certificates.models import Certificate, Order
from certmate.pki.csr import build
from certmate.pki.keys import KeyType, generate
from certmate.pki.names import parse_names
from tests import factories
from tests.caller import Caller, problem
from tests.cast import Cast
from tests.pki.requests import request, to_pem

pytestmark = pytest.mark.django_db

NAME = "www.example.test"
GOOD = {"domain": NAME, "ca": "ca", "dns": "dns"}


@pytest.fixture
def owner(cast: Cast) -> Caller:
    factories.ca_account("ca")
    factories.dns_account("dns")
    return Caller(cast.owner)


@cache
def good_csr() -> str:
    return build(generate(KeyType.EC256), parse_names(NAME, []))


def flipped_csr() -> str:
    """The last bit of the signature is another."""
    der = bytearray(x509.load_pem_x509_csr(good_csr().encode()).public_bytes(Encoding.DER))
    der[-1] ^= 1
    return to_pem(x509.load_der_x509_csr(bytes(der)))


def weak_csr() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return to_pem(request(pem, x509.DNSName(NAME)))


def many(count: int) -> list[str]:
    return [f"n{number}.example.test" for number in range(count)]


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    # What is sent in place of or beside the good fields; the field and the code of the answer.
    "a name with a space": ({"domain": "bad name.test"}, "domain", "name.invalid"),
    "a name with a slash": ({"domain": "a/b.example.test"}, "domain", "name.invalid"),
    "an underscore": ({"domain": "a_b.example.test"}, "domain", "name.invalid"),
    "an inner wildcard": ({"domain": "a.*.example.test"}, "domain", "name.wildcard"),
    "a public suffix": ({"domain": "co.uk"}, "domain", "name.public_suffix"),
    "broken punycode": ({"domain": "xn--0.example.test"}, "domain", "name.idna"),
    "no name at all": ({"domain": ""}, "domain", "request.invalid"),
    "a name that is a number": ({"domain": 7}, "domain", "request.invalid"),
    "a null byte": ({"domain": "a\0.example.test"}, "domain", "request.invalid"),
    "half a surrogate": ({"domain": "\ud800.example.test"}, "domain", "request.invalid"),
    "a very long name": ({"domain": "a" * 300}, "domain", "request.invalid"),
    "a bad further name": ({"san_domains": ["-.example.test"]}, "san_domains", "name.invalid"),
    "further names as text": ({"san_domains": NAME}, "san_domains", "request.invalid"),
    "a further name as object": ({"san_domains": [{}]}, "san_domains.0", "request.invalid"),
    "101 names": ({"san_domains": many(100)}, "san_domains", "name.too_many"),
    "10,000 names": ({"san_domains": many(10_000)}, "san_domains", "name.too_many"),
    "a wildcard by http-01": (
        {"domain": "*.example.test", "challenge_type": "http-01", "dns": ...},
        "challenge_type",
        "name.wildcard_http01",
    ),
    "an address by dns-01": ({"domain": "192.0.2.1"}, "challenge_type", "name.ip_dns01"),
    "an unknown challenge": ({"challenge_type": "tls-sni-01"}, "challenge_type", "request.invalid"),
    "a DNS account for http-01": ({"challenge_type": "http-01"}, "dns", "dns.not_used"),
    "an unknown key type": ({"key_type": "dsa1024"}, "key_type", "request.invalid"),
    "an unknown CA": ({"ca": "nobody"}, "ca", "account.unknown"),
    "a provider without account": (
        {"ca": ..., "ca_provider": "letsencrypt"},
        "ca_provider",
        "account.unknown",
    ),
    "a CA of another provider": ({"ca_provider": "letsencrypt"}, "ca", "account.unknown"),
    "an unknown DNS account": ({"dns": "nobody"}, "dns", "account.unknown"),
    "an unknown account id": ({"dns": ..., "account_id": "x"}, "account_id", "account.unknown"),
    "no DNS account for the zone": (
        {"domain": "www.example.org", "dns": ...},
        "dns",
        "dns.no_account",
    ),
    "an unknown storage target": ({"storage": "attic"}, "storage", "storage.unknown"),
    "an unsafe own name": ({"name": "../etc"}, "name", "name.invalid"),
    "zero renewal days": ({"renewal_days": 0}, "renewal_days", "request.invalid"),
    "renewal days as text": ({"renewal_days": "30"}, "renewal_days", "request.invalid"),
    "half a renewal day": ({"renewal_days": 1.5}, "renewal_days", "request.invalid"),
    "a flag as text": ({"auto_renew": "true"}, "auto_renew", "request.invalid"),
    "a tag as number": ({"tags": [1]}, "tags.0", "request.invalid"),
    "51 tags": ({"tags": [str(n) for n in range(51)]}, "tags", "request.invalid"),
    "an unknown field": ({"validity": 9}, "validity", "request.unknown_field"),
    "a validity for a CA": ({"validity_days": 9}, "validity_days", "profile.not_used"),
    "a profile for a CA": ({"profile": "two words"}, "profile", "profile.not_offered"),
    "a validity of no day": ({"validity_days": 0}, "validity_days", "request.invalid"),
    "a read-only field": ({"state": "active"}, "state", "request.unknown_field"),
    "no CSR": ({"csr": "hello"}, "csr", "csr.malformed"),
    "a flipped signature": ({"csr": flipped_csr()}, "csr", "csr.signature"),
    "a weak key": ({"csr": weak_csr()}, "csr", "key.weak"),
    "a CSR for another name": (
        {"domain": "api.example.test", "csr": good_csr()},
        "csr",
        "csr.names",
    ),
    "a private key": ({"csr": generate(KeyType.EC256)}, "csr", "csr.malformed"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_names_its_field_and_stores_nothing(owner: Caller, what: str) -> None:
    change, field, code = BAD[what]
    body = {name: value for name, value in (GOOD | change).items() if value is not ...}
    written = LogEntry.objects.count()
    document = problem(owner.send("POST", "/api/certificates", body), 400, code)
    assert list(document["errors"]) == [field]
    assert document["detail"]
    assert not Certificate.objects.exists()
    assert not Order.objects.exists()
    assert LogEntry.objects.count() == written


def test_the_same_input_without_the_fault_is_taken(owner: Caller) -> None:
    assert owner.send("POST", "/api/certificates", GOOD | {"csr": good_csr()}).status_code == 202
    assert Certificate.objects.get().csr == good_csr()


def test_several_faults_are_told_at_once(owner: Caller) -> None:
    answer = owner.post("/api/certificates", tags="x", key_type="x", wildcard=True)
    document = problem(answer, 400, "request.unknown_field")
    assert set(document["errors"]) == {"domain", "tags", "key_type", "wildcard"}


def test_a_name_that_is_taken_is_a_conflict(owner: Caller) -> None:
    assert owner.post("/api/certificates", **GOOD).status_code == 202
    document = problem(owner.post("/api/certificates", **GOOD), 409, "certificate.exists")
    assert list(document["errors"]) == ["name"]
    assert owner.post("/api/certificates", **GOOD, name="second").status_code == 202


def test_several_accounts_and_none_the_default_is_an_error(owner: Caller) -> None:
    factories.ca_account("other")
    answer = owner.post("/api/certificates", domain=NAME, ca_provider="acme")
    assert "ca, other" in problem(answer, 400, "account.ambiguous")["detail"]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("reissue", {"domain": "bad name"}, "domain"),
        ("reissue", {"ca": "nobody"}, "ca"),
        ("reissue", {"tags": []}, "tags"),
        ("renew", {"force": True}, "force"),
        ("revoke", {"reason": 1}, "reason"),
        ("revoke", {"version": 9}, "version"),
    ],
)
def test_orders_are_refused_by_field_too(
    owner: Caller, path: str, body: dict[str, Any], field: str
) -> None:
    factories.version(factories.certificate(NAME))
    answer = owner.send("POST", f"/api/certificates/{NAME}/{path}", body)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [field]
    assert not Order.objects.exists()


@pytest.mark.parametrize("wait", ["0", "301", "x", "-1", "1.5"])
def test_a_wait_that_makes_no_sense_places_no_order(owner: Caller, wait: str) -> None:
    answer = owner.post(f"/api/certificates?wait={wait}", **GOOD)
    assert list(problem(answer, 400, "request.invalid")["errors"]) == ["wait"]
    assert not Certificate.objects.exists()
