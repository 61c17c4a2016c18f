"""A certificate is issued, replaced and revoked for whoever may, as asked, and once."""

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.db import connection
from guardian.shortcuts import assign_perm

from certificates import execution
from certificates.choices import OrderState
from certificates.models import Certificate, Order, Version
from certmate.access.models import Approval, Team
from certmate.pki.keys import KeyType, generate, load_private_key
from providers import issuers
from providers.acme.client import IssuedChain
from providers.models import CAAccount
from storage.models import StoredBundle
from tests import factories
from tests.access import four_eyes
from tests.caller import Caller, problem
from tests.cast import Cast
from tests.storage.bundles import authority
from tests.ui.pages import page, signed_in

pytestmark = pytest.mark.django_db(transaction=True)

WANTED = {"domain": "www.example.test", "ca": "ca", "storage": "vault", "challenge_type": "http-01"}


@pytest.fixture
def accounts(cast: Cast) -> None:
    factories.ca_account()
    factories.storage_target()


def csr(*extensions: x509.ExtensionType, bits: int = 0) -> str:
    """A request for www.example.test that asks for more than a name."""
    key: Any = load_private_key(generate(KeyType.EC256))
    if bits:
        key = rsa.generate_private_key(65537, bits)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "www.example.test")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    names = x509.SubjectAlternativeName([x509.DNSName("www.example.test")])
    for extension in (names, *extensions):
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def answered(request: str, *names: str) -> IssuedChain:
    """What a CA makes of a request that puts in other names than were asked for."""
    asked = x509.load_pem_x509_csr(request.encode())
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(asked.subject)
        .issuer_name(authority().name)
        .public_key(asked.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
    )
    cert = builder.sign(authority().key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    return IssuedChain(cert=cert, chain=authority().pem)


def test_names_that_nobody_asked_for_do_not_come_into_a_certificate(
    cast: Cast, accounts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """UCM: finalize took over names that were never validated."""
    names = ("www.example.test", "bank.example.test")
    monkeypatch.setattr(issuers, "issue", lambda **asked: answered(asked["csr"], *names))
    assert Caller(cast.owner).post("/api/certificates", **WANTED).status_code == 202
    execution.run_order(Order.objects.get().pk)
    assert Order.objects.get().error_code == "acme.wrong_certificate"
    assert not Version.objects.exists()
    assert not StoredBundle.objects.exists()


def test_a_weak_key_does_not_come_in_by_another_door(cast: Cast, accounts: None) -> None:
    """UCM: the API refused it, the admin did not."""
    weak = csr(bits=1024)
    problem(Caller(cast.owner).post("/api/certificates", **WANTED, csr=weak), 400, "key.weak")
    form = {"names": "www.example.test", "challenge_type": "http-01", "key_type": "ec256"}
    ca = CAAccount.objects.get()
    sent = form | {"ca": str(ca.pk), "csr": weak}
    refused = signed_in(cast.owner).post(page(Certificate, "add"), sent)
    assert list(refused.context["form"].errors) == ["csr"]
    made = factories.certificate(challenge_type="http-01")
    factories.version(made)
    path = f"/api/certificates/{made.name}/reissue"
    problem(Caller(cast.owner).post(path, csr=weak), 400, "key.weak")
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    "extension",
    [
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]),
        x509.BasicConstraints(ca=True, path_length=None),
    ],
)
def test_what_a_request_asks_for_beside_names_is_not_a_promise(
    cast: Cast, accounts: None, extension: x509.ExtensionType
) -> None:
    """UCM: code signing and CA rights copied from a CSR. Only its names and its key are read; what
    of the rest goes into the certificate is the CA's to decide, and none of it is shown as a fact.
    """
    answer = Caller(cast.owner).post("/api/certificates", **WANTED, csr=csr(extension))
    assert answer.status_code == 202
    assert answer.json()["san_domains"] == []
    assert Order.objects.get().names == ["www.example.test"]


def test_a_reissue_does_not_take_over_somebody_elses_certificate(cast: Cast) -> None:
    """GHSA-cfh6: `replaces` took the certificate of others."""
    own = factories.certificate("own.example.test", challenge_type="http-01")
    other = factories.certificate("other.example.test", challenge_type="http-01")
    for made in (own, other):
        factories.version(made)
    for verb in ("view", "renew", "revoke", "change"):
        assign_perm(f"certificates.{verb}_certificate", cast.outsider, own)
    caller = Caller(cast.outsider)
    for field in ("replaces", "renew_of", "replacement_for", "name"):
        body = {field: "other.example.test"}
        answer = caller.post("/api/certificates/own.example.test/reissue", **body)
        problem(answer, 400, "request.unknown_field")
    for call in ("renew", "reissue", "revoke"):
        path = f"/api/certificates/other.example.test/{call}"
        problem(caller.post(path), 404, "request.not_found")
    assert not Order.objects.exists()


def test_a_certificate_is_not_revoked_by_its_serial_number(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GHSA-pxmc: whoever had a row with the same serial could revoke the other one."""
    told: list[str] = []
    monkeypatch.setattr(issuers, "revoke", lambda **asked: told.append(asked["cert"]))
    own, other = (factories.certificate(f"{who}.example.test") for who in ("own", "other"))
    same = "0a1b2c3d4e5f"
    factories.version(own, serial=same, cert="OWN PEM")
    factories.version(other, serial=same, cert="OTHER PEM")
    for verb in ("view", "revoke"):
        assign_perm(f"certificates.{verb}_certificate", cast.outsider, own)
    caller = Caller(cast.outsider)
    assert caller.post("/api/certificates/own.example.test/revoke").status_code == 202
    execution.run_order(Order.objects.get().pk)
    assert told == ["OWN PEM"]
    assert Version.objects.get(certificate=own).revoked_at is not None
    assert Version.objects.get(certificate=other).revoked_at is None
    problem(caller.post(f"/api/certificates/{same}/revoke"), 404, "request.not_found")


def test_a_double_click_does_not_issue_two(cast: Cast, accounts: None) -> None:
    """UCM #269. The second of two calls at once is told so; the database decides which that is."""
    callers = [Caller(cast.owner) for _ in range(2)]
    start, answers = Barrier(2), []

    def click(caller: Caller) -> None:
        start.wait()
        answers.append(caller.client.post("/api/certificates", WANTED, "application/json"))
        connection.close()

    clicks = [Thread(target=click, args=(caller,)) for caller in callers]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join()
    assert sorted(answer.status_code for answer in answers) == [202, 409]
    assert Certificate.objects.count() == Order.objects.count() == 1


def test_a_second_renewal_does_not_begin_while_one_is_open(cast: Cast) -> None:
    made = factories.certificate(challenge_type="http-01")
    factories.version(made)
    browser = signed_in(cast.owner)
    for _ in range(2):
        browser.post(page(made, "renew"))
    assert Order.objects.count() == 1
    path = f"/api/certificates/{made.name}/renew"
    problem(Caller(cast.owner).post(path), 409, "order.open")


def test_what_was_approved_is_not_swapped_for_something_else(cast: Cast) -> None:
    """UCM 2.205: the approval said yes to one template, another was used."""
    made = four_eyes.certificate()
    rule = four_eyes.rule("renew")
    caller = Caller(cast.operator, "operate")
    path = f"/api/certificates/{made.name}/reissue"
    caller.post(path, san_domains=["shop.example.test"])
    approved = Approval.objects.get()
    caller.post(path, san_domains=["bank.example.test"])
    assert Approval.objects.count() == 2
    four_eyes.approve(four_eyes.decider(), approved)
    assert not Order.objects.exclude(names=["www.example.test", "shop.example.test"]).exists()
    assert rule.is_enabled
    assert not Order.objects.filter(state=OrderState.SUCCEEDED).exists()


def test_moving_a_certificate_is_not_a_way_to_rights_over_it(cast: Cast) -> None:
    """Reparenting: to a team, or to an account, whose grants say more than the mover may."""
    team = Team.objects.create(name="mine")
    account = factories.ca_account("mine")
    for container, name in (
        (team, "access.{}_under_team"),
        (account, "providers.{}_under_caaccount"),
    ):
        for verb in ("view", "add", "export_key"):
            assign_perm(name.format(verb), cast.outsider, container)
    assign_perm("access.view_team", cast.outsider, team)
    assign_perm("providers.view_caaccount", cast.outsider, account)
    made = factories.certificate(challenge_type="http-01")
    factories.version(made)
    for verb in ("view", "change", "renew", "administer"):
        assign_perm(f"certificates.{verb}_certificate", cast.outsider, made)
    caller = Caller(cast.outsider)
    path = f"/api/certificates/{made.name}"
    problem(caller.patch(path, team="mine"), 403, "access.gain")
    moved = caller.post(f"{path}/reissue", ca="mine")
    assert moved.status_code == 403, moved.content
    made.refresh_from_db()
    assert made.team is None
    assert not Order.objects.exists()
