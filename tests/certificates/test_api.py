"""The calls for certificates: what they answer and what they change."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from certificates.models import Certificate, Order, Version
from certmate.core import clock
from tests import factories
from tests.caller import Caller, problem
from tests.cast import Cast

pytestmark = pytest.mark.django_db

NAME = "www.example.test"
PATH = f"/api/certificates/{NAME}"


@pytest.fixture
def owner(cast: Cast) -> Caller:
    return Caller(cast.owner)


@pytest.fixture
def certificate() -> Certificate:
    """An active certificate with two versions, of which the second is current."""
    made = factories.certificate(
        NAME, names=[NAME, "example.test"], dns_account=factories.dns_account()
    )
    factories.version(made, 1)
    factories.version(made, 2)
    return made


@pytest.mark.parametrize("path", ["/api/certificates", "/api/web/certificates/create"])
def test_a_new_certificate_is_accepted_with_its_order(owner: Caller, path: str) -> None:
    factories.ca_account("ca")
    factories.dns_account("dns")
    answer = owner.post(
        path,
        domain="*.Example.TEST",
        san_domains=["example.test"],
        ca="ca",
        dns="dns",
        key_type="rsa3072",
        auto_renew=False,
        renewal_days=20,
        tags=["web"],
    )
    assert answer.status_code == 202, answer.content
    made = answer.json()
    assert (made["name"], made["domain"]) == ("*.example.test", "*.example.test")
    assert made["san_domains"] == ["example.test"]
    assert (made["ca"], made["dns"], made["key_type"]) == ("ca", "dns", "rsa3072")
    assert (made["auto_renew"], made["renewal_days"], made["tags"]) == (False, 20, ["web"])
    assert (made["exists"], made["state"], made["expiry_date"]) == (False, "pending", None)
    order = made["order"]
    assert (order["state"], order["kind"], order["step"]) == ("queued", "issue", "prepare")
    assert answer["Location"] == order["url"]
    assert owner.get(order["url"]).json()["certificate"] == "*.example.test"


@pytest.mark.parametrize("name", ["*.example.test", "%2A.example.test", "%2a.EXAMPLE.test"])
def test_a_wildcard_is_addressed_by_its_name(owner: Caller, name: str) -> None:
    factories.certificate("*.example.test")
    assert owner.get(f"/api/certificates/{name}").json()["name"] == "*.example.test"


@pytest.mark.parametrize("name", ["nobody.test", "a%00b", "%E2%80%AE", "..", "x" * 300, "csr"])
def test_an_unknown_name_is_not_found(owner: Caller, name: str) -> None:
    problem(owner.get(f"/api/certificates/{name}"), 404, "request.not_found")


def test_a_certificate_shows_the_fields_of_the_specification(
    owner: Caller, certificate: Certificate
) -> None:
    shown = owner.get(PATH).json()
    assert certificate.expires_at
    assert shown["domain"] == NAME
    assert shown["exists"] is True
    assert shown["expiry_date"] == certificate.expires_at.strftime("%Y-%m-%d %H:%M:%S")
    assert shown["days_left"] == shown["days_until_expiry"] == 88
    assert shown["needs_renewal"] is False
    assert shown["dns_provider"] == "rfc2136"
    assert shown["account_id"] == shown["dns"] == "dns"
    assert shown["current_version"] == 2
    assert shown["metadata"]["domain"] == NAME
    assert shown["metadata"]["dns_provider"] == "rfc2136"
    assert shown["order"] is None
    assert shown["paused"] is None


def test_the_order_shown_is_the_open_one_else_the_last(
    owner: Caller, certificate: Certificate
) -> None:
    ended = clock.now()
    retried = factories.order(certificate, state="queued")
    last = factories.order(certificate, state="failed", finished_at=ended)
    assert owner.get(PATH).json()["order"]["id"] == retried.pk
    Order.objects.filter(pk=retried.pk).update(state="failed", finished_at=ended - timedelta(1))
    assert owner.get(PATH).json()["order"]["id"] == last.pk


def test_the_list_and_the_single_certificate_agree(owner: Caller, certificate: Certificate) -> None:
    (listed,) = owner.get("/api/certificates").json()["results"]
    assert listed == owner.get("/api/web/certificates").json()["results"][0]
    single = owner.get(PATH).json()
    assert {name: single[name] for name in listed} == listed
    assert "BEGIN" not in str(listed)


def found(caller: Caller, query: str) -> list[str]:
    return [row["name"] for row in caller.get(f"/api/certificates?{query}").json()["results"]]


def test_lists_are_searched_and_filtered(owner: Caller, certificate: Certificate) -> None:
    now = clock.now()
    other = factories.certificate("api.example.test", auto_renew=False, paused_at=now)
    due = factories.certificate("due.example.test")
    factories.version(due, 1)
    Certificate.objects.filter(pk=due.pk).update(renew_at=now, expires_at=now + timedelta(days=5))
    version = Version.objects.get(certificate=certificate, number=1)
    colons = ":".join(version.fingerprint[i : i + 2] for i in range(0, 64, 2)).upper()
    everything = [other.name, due.name, NAME]
    soon = (now + timedelta(days=6)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for query, expected in {
        "search=WWW": [NAME],
        "search=example": [],
        f"search={version.fingerprint}": [NAME],
        f"search=sha256:{colons}": [NAME],
        f"search={version.serial}": [NAME],
        "state=pending": [other.name],
        "auto_renew=true": [due.name, NAME],
        "needs_renewal=true": [due.name],
        "needs_renewal=false": [other.name, NAME],
        "paused=true": [other.name],
        f"expires_before={soon}": [due.name],
        f"expires_after={soon}": [NAME],
        "ca=ca": everything,
        "ca=none": [],
        "dns=dns": [NAME],
        "ordering=-expires_at": [other.name, NAME, due.name],
    }.items():
        assert found(owner, query) == expected, query


@pytest.mark.parametrize(
    "query", ["state=lost", "auto_renew=yes", "expires_before=soon", "needs_renewal=1"]
)
def test_a_filter_that_makes_no_sense_is_named(owner: Caller, query: str) -> None:
    document = problem(owner.get(f"/api/certificates?{query}"), 400, "request.invalid")
    assert list(document["errors"]) == [query.partition("=")[0]]


def test_a_change_is_made_and_answered(owner: Caller, certificate: Certificate) -> None:
    shown = owner.patch(PATH, auto_renew=False, renewal_days=10, tags=["a", "b"]).json()
    assert (shown["auto_renew"], shown["renewal_days"], shown["tags"]) == (False, 10, ["a", "b"])
    certificate.refresh_from_db()
    assert certificate.expires_at
    assert certificate.renew_at
    assert certificate.renewal_days == 10
    assert certificate.expires_at - certificate.renew_at <= timedelta(days=10)
    assert owner.patch(PATH, renewal_days=None).json()["renewal_days"] is None
    assert owner.patch(PATH).json()["tags"] == ["a", "b"]


def test_automatic_renewal_is_switched(owner: Caller, certificate: Certificate) -> None:
    assert owner.put(f"{PATH}/auto-renew", enabled=False).json()["auto_renew"] is False
    assert owner.put(f"{PATH}/auto-renew", enabled=True).json()["auto_renew"] is True
    document = problem(owner.put(f"{PATH}/auto-renew"), 400, "request.invalid")
    assert list(document["errors"]) == ["enabled"]
    problem(owner.put(f"{PATH}/auto-renew", enabled="yes"), 400, "request.invalid")


@pytest.mark.parametrize("path", [f"{PATH}/renew", f"/api/web/certificates/{NAME}/renew"])
def test_a_renewal_is_an_order_and_there_is_one_at_a_time(
    owner: Caller, certificate: Certificate, path: str
) -> None:
    answer = owner.post(path)
    assert answer.status_code == 202
    assert answer.json()["order"]["kind"] == "renew"
    assert answer["Location"].endswith(f"/api/orders/{Order.objects.get().pk}")
    problem(owner.post(path), 409, "order.open")


def test_a_reissue_changes_the_certificate_when_it_is_issued_and_not_before(
    owner: Caller, certificate: Certificate
) -> None:
    answer = owner.post(f"{PATH}/reissue", san_domains=["new.example.test"], key_type="ec384")
    assert answer.status_code == 202
    assert answer.json()["order"]["names"] == [NAME, "new.example.test"]
    assert answer.json()["san_domains"] == ["example.test"]


def test_a_revocation_names_its_reason_and_its_version(
    owner: Caller, certificate: Certificate
) -> None:
    document = problem(owner.post(f"{PATH}/revoke", reason="bored"), 400, "request.invalid")
    assert list(document["errors"]) == ["reason"]
    answer = owner.post(f"{PATH}/revoke", reason="keyCompromise", version=1)
    assert answer.status_code == 202
    assert answer.json()["order"]["reason"] == "keyCompromise"
    assert Order.objects.get().version == Version.objects.get(number=1)


def test_a_paused_certificate_is_resumed(owner: Caller, certificate: Certificate) -> None:
    problem(owner.post(f"{PATH}/resume"), 409, "certificate.not_paused")
    Certificate.objects.update(paused_at=clock.now(), pause_reason="acme.caa: no", failures=3)
    assert owner.get(PATH).json()["paused"]["reason"] == "acme.caa: no"
    answer = owner.post(f"{PATH}/resume")
    assert answer.status_code == 202
    assert answer.json()["paused"] is None


def test_versions_are_listed_newest_first(owner: Caller, certificate: Certificate) -> None:
    rows = owner.get(f"{PATH}/versions").json()["results"]
    assert [(row["number"], row["current"]) for row in rows] == [(2, True), (1, False)]
    assert rows[0]["fingerprint"] == Version.objects.get(number=2).fingerprint


def test_a_version_that_cannot_be_used_is_not_activated(
    owner: Caller, certificate: Certificate
) -> None:
    Version.objects.filter(number=1).update(revoked_at=clock.now())
    problem(owner.post(f"{PATH}/versions/1/activate"), 409, "version.unusable")
    problem(owner.post(f"{PATH}/versions/7/activate"), 404, "version.unknown")


def test_a_valid_certificate_is_deleted_only_by_force(
    owner: Caller, certificate: Certificate
) -> None:
    problem(owner.delete(PATH), 409, "certificate.valid")
    problem(owner.delete(f"{PATH}?force=maybe"), 400, "request.invalid")
    assert owner.delete(f"{PATH}?force=true").status_code == 204
    problem(owner.get(PATH), 404, "request.not_found")


def test_a_single_certificate_costs_as_many_queries_whatever_its_history(
    owner: Caller, certificate: Certificate
) -> None:
    counts = []
    for number in (3, 20):
        for made in range(number - 2):
            factories.version(certificate, number * 100 + made)
            factories.order(certificate, state="succeeded", finished_at=clock.now())
        owner.get(PATH)
        with CaptureQueriesContext(connection) as queries:
            assert owner.get(PATH).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 4
