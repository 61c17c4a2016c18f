"""Private keys and other secrets leave for nobody who was not given that right."""

from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from certificates.models import Certificate
from certmate.access.models import Approval, ApprovalRule
from certmate.core.parameters import Parameter
from certmate.ui.base import admin_url
from providers.dns.catalogue import CATALOGUE as DNS
from storage.catalogue import CATALOGUE as BACKENDS
from storage.models import StorageTarget, StoredBundle
from tests import factories
from tests.access import four_eyes
from tests.caller import Caller, problem
from tests.cast import PASSWORD, Cast
from tests.storage import bundles
from tests.ui.pages import page, signed_in

pytestmark = pytest.mark.django_db

NAME = "www.example.test"
KEY_PATHS = (
    *("download?include_private=1", "download?format=pem&include_private=1"),
    *("download?format=json&include_private=1", "download?format=pkcs12&include_private=1"),
    *("download/privkey", "download/combined"),
)
CANARY = "c2VjcmV0LWNhbmFyeS1vZi1hbi1hZHZpc29yeQ=="


@pytest.fixture
def certificate(cast: Cast) -> Certificate:
    bundle = bundles.issue(NAME)
    made = factories.certificate(NAME)
    version = factories.version(made, cert=bundle.cert, chain=bundle.chain)
    StoredBundle.objects.create(
        target=made.storage_target,
        kind="server",
        name=NAME,
        fingerprint=version.fingerprint,
        is_current=True,
        cert=bundle.cert,
        chain=bundle.chain,
        private_key={"pem": bundle.privkey},
    )
    return made


@pytest.fixture
def downloader(cast: Cast) -> User:
    """He may take certificates away, not their keys."""
    rights = ("view_certificate", "download_certificate")
    cast.outsider.user_permissions.set(Permission.objects.filter(codename__in=rights))
    return cast.outsider


def test_a_key_does_not_leave_by_any_way_for_who_may_only_download(
    cast: Cast, certificate: Certificate, downloader: User
) -> None:
    """GHSA-4h97: one of several routes forgot to ask."""
    caller = Caller(downloader)
    for path in KEY_PATHS:
        for prefix in ("/api/certificates", "/api/web/certificates"):
            if prefix == "/api/web/certificates" and path.startswith("download/"):
                continue
            problem(caller.get(f"{prefix}/{NAME}/{path}"), 403, "access.denied")
    for body in ({"include_private": True}, {"include_private": True, "format": "pkcs12"}):
        problem(caller.post(f"/api/certificates/{NAME}/download", **body), 403, "access.denied")
    browser = signed_in(downloader)
    sent = {"password": PASSWORD}
    assert browser.post(page(certificate, "export_key"), sent).status_code == 403
    assert not LogEntry.objects.filter(additional_data__event="key.exported").exists()


def test_a_key_does_not_come_along_unasked(
    cast: Cast, certificate: Certificate, downloader: User
) -> None:
    caller = Caller(downloader)
    for path in ("download?format=pem", "download?format=json", "download/fullchain"):
        answer = caller.get(f"/api/certificates/{NAME}/{path}")
        assert answer.status_code == 200
        assert b"PRIVATE KEY" not in answer.content
    assert b"PRIVATE KEY" not in caller.get(f"/{NAME}/tls").content


def test_an_operator_does_not_export_a_key_around_its_approval(
    cast: Cast, certificate: Certificate
) -> None:
    """UCM 2.204: the rule stood before one door of several."""
    ApprovalRule.objects.create(
        name="keys", verb="export_key", role=Group.objects.get(name="approver")
    )
    caller = Caller(cast.operator, "operate")
    for path in KEY_PATHS:
        answer = caller.get(f"/api/certificates/{NAME}/{path}")
        assert answer.json()["code"] == "approval.needed", path
    posted = caller.post(f"/api/certificates/{NAME}/download", include_private=True)
    assert posted.json()["code"] == "approval.needed"
    browser = signed_in(cast.operator)
    shown = browser.post(page(certificate, "export_key"), {"password": PASSWORD})
    assert b"PRIVATE KEY" not in shown.content
    unasked = caller.get(f"/api/certificates/{NAME}/download?format=pem")
    assert b"PRIVATE KEY" not in unasked.content
    # A session and a token ask apart: an approval given to one is not the other's.
    assert Approval.objects.filter(operation="certificates.export_key").count() <= 2
    assert not LogEntry.objects.filter(additional_data__event="key.exported").exists()


def test_an_approved_export_is_not_an_export_for_ever(cast: Cast, certificate: Certificate) -> None:
    four_eyes.rule("export_key")
    caller = Caller(cast.operator, "operate")
    path = f"/api/certificates/{NAME}/download/privkey"
    caller.get(path)
    four_eyes.approve(four_eyes.decider(), Approval.objects.get())
    assert b"PRIVATE KEY" in caller.get(path).content
    assert caller.get(path).json()["code"] == "approval.needed"


def secrets_of(parameters: tuple[Parameter, ...]) -> dict[str, str]:
    """A value for each parameter; the secret ones are the canary."""
    chosen = {p.name: p.choices[0] for p in parameters if p.choices}
    plain = {p.name: "1" for p in parameters if not p.secret}
    return plain | chosen | {p.name: CANARY for p in parameters if p.secret}


def said(cast: Cast, *paths: str) -> str:
    caller, browser = Caller(cast.owner), signed_in(cast.owner)
    found = ""
    for path in paths:
        answer = browser.get(path) if path.startswith("/admin/") else caller.get(path)
        assert answer.status_code == 200, path
        found += answer.getvalue().decode() + str(answer.headers)
    return found


@pytest.mark.parametrize("slug", sorted(DNS))
def test_credentials_of_a_dns_account_do_not_come_back(cast: Cast, slug: str) -> None:
    """GHSA-6c8m: passwords of destinations in the answers of the API."""
    account = factories.dns_account(
        "dns", provider=slug, credentials=secrets_of(tuple(DNS[slug].parameters))
    )
    paths = ("/api/dns-accounts", "/api/dns-accounts/dns", page(account))
    lists = (admin_url(type(account), "changelist"), *audit_pages())
    assert CANARY not in said(cast, *paths, *lists)


@pytest.mark.parametrize("slug", sorted(BACKENDS))
def test_parameters_of_a_storage_target_do_not_come_back(cast: Cast, slug: str) -> None:
    parameters = secrets_of(tuple(BACKENDS[slug].parameters))
    target = StorageTarget.objects.create(name="kept", backend=slug, parameters=parameters)
    paths = ("/api/storage-targets", "/api/storage-targets/kept", page(target))
    lists = (admin_url(StorageTarget, "changelist"), *audit_pages())
    assert CANARY not in said(cast, *paths, *lists)


def test_the_keys_of_a_ca_account_do_not_come_back(cast: Cast) -> None:
    secret: dict[str, Any] = {
        "eab": {"kid": "kid-1", "hmac_key": CANARY},
        "account_key": {"pem": CANARY},
    }
    account = factories.ca_account("ca", **secret)
    paths = ("/api/ca-accounts", "/api/ca-accounts/ca", page(account))
    lists = (admin_url(type(account), "changelist"), *audit_pages())
    assert CANARY not in said(cast, *paths, *lists)


def test_a_refused_secret_is_not_repeated(cast: Cast) -> None:
    """An error that quotes its input quotes it into logs and tickets."""
    account = {"name": "Not a name!", "provider": "rfc2136", "credentials": {"tsig_secret": CANARY}}
    answer = Caller(cast.owner).post("/api/dns-accounts", **account)
    assert answer.status_code == 400
    assert CANARY not in answer.content.decode()


def test_a_password_that_is_set_for_somebody_is_neither_shown_nor_kept(cast: Cast) -> None:
    """GHSA-q437: the reset by an administrator left the password in plain text."""
    chosen = "a new battery for the old horse"
    path = f"/admin/auth/user/{cast.operator.pk}/password/"
    browser = signed_in(cast.owner)
    sent = {"password": chosen, "password1": chosen, "password2": chosen, "own_password": PASSWORD}
    answers = [browser.get(path), browser.post(path, sent, follow=True)]
    assert all(chosen not in answer.content.decode() for answer in answers)
    fresh = User.objects.get(pk=cast.operator.pk)
    assert not fresh.password.startswith(chosen)
    told = "".join(str(row) for row in LogEntry.objects.values("changes", "additional_data"))
    assert chosen not in told
    assert fresh.password not in told
    assert Client().login(username="operator", password=chosen) is fresh.check_password(chosen)


def audit_pages() -> tuple[str, ...]:
    """The log with everything in it."""
    entries = LogEntry.objects.order_by("-id").values_list("pk", flat=True)[:3]
    return ("/api/audit", "/api/audit/export", *(f"/api/audit/{pk}" for pk in entries))
