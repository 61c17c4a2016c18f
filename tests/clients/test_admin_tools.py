"""The page of a client certificate: what it says, its tools, the files it hands out."""

import io
import zipfile

import pytest
from guardian.shortcuts import assign_perm

from certmate.core import clock
from clients.models import ClientCertificate, ClientVersion, Enrolment
from providers.models import Authority
from tests import factories_clients as factories
from tests.cast import PASSWORD
from tests.clients import world
from tests.clients.conftest import Crew
from tests.clients.test_admin_certificates import desk, errors_of
from tests.factories import profile_of
from tests.ui.pages import page, text, told

pytestmark = pytest.mark.django_db

DOWNLOADS = ("download_pem", "download_der", "download_pkcs7", "download_zip")
EXPORTS = ("export_zip", "export_pkcs12")
TOOLS = ("renew", "renew_csr", "revoke", "release", "delete")


@pytest.fixture
def jane(authority: Authority) -> ClientCertificate:
    factories.identity("jane", subject={"O": "Example"})
    return factories.issued("Jane Doe", identity="jane", identifier="jane", san={"dns": ["j.test"]})


def test_the_page_says_in_words_what_the_certificate_is(
    crew: Crew, jane: ClientCertificate
) -> None:
    version = jane.current_version
    assert version is not None
    html = text(desk(crew.auditor).get(page(jane)))
    for words in ("Jane Doe", "j.test", "TLS client", version.serial, version.fingerprint):
        assert words in html
    assert page(jane.authority) in html  # type: ignore[arg-type]
    for raw in ("BEGIN CERTIFICATE", "clientAuth", "digitalSignature", "{"):
        assert raw not in html.partition("<main")[2]


def test_what_may_be_seen_but_not_done_is_403_and_has_no_button(
    crew: Crew, jane: ClientCertificate
) -> None:
    client = desk(crew.auditor)
    html = text(client.get(page(jane)))
    for tool in (*TOOLS, *DOWNLOADS, *EXPORTS):
        assert page(jane, tool) not in html
        assert client.get(page(jane, tool)).status_code == 403
        assert client.post(page(jane, tool), {"reason": "superseded"}).status_code == 403
    assert client.post(page(jane), {"tags": "x"}).status_code == 403
    assert ClientCertificate.objects.get().tags == []
    assert ClientVersion.objects.get().revoked_at is None


def test_an_outsider_sees_the_one_certificate_that_was_shared_with_him(
    crew: Crew, jane: ClientCertificate
) -> None:
    hidden = factories.issued("john")
    client = desk(crew.outsider)
    assert client.get(page(ClientCertificate, "changelist")).status_code == 403
    for address in (page(jane), *(page(hidden, tool) for tool in ("renew", "export_zip"))):
        assert client.get(address).status_code == 404
    assign_perm("clients.view_clientcertificate", crew.outsider, jane)
    html = text(client.get(page(ClientCertificate, "changelist")))
    assert ">jane<" in html
    assert "john" not in html
    assert client.get(page(jane)).status_code == 200
    assert client.get(page(hidden)).status_code == 404


def test_asking_for_confirmation_changes_nothing(crew: Crew, jane: ClientCertificate) -> None:
    client = desk(crew.owner)
    for tool in (*TOOLS, *DOWNLOADS, *EXPORTS):
        assert client.get(page(jane, tool)).status_code == 200
    assert ClientVersion.objects.count() == 1


def test_a_renewal_makes_a_version_and_may_revoke_the_one_before(
    crew: Crew, jane: ClientCertificate
) -> None:
    response = desk(crew.operator).post(page(jane, "renew"), {"supersede": "on"}, follow=True)
    assert told(response) == ["Version 2 is issued."]
    first, second = ClientVersion.objects.order_by("number")
    assert first.revocation_reason == "superseded"
    assert first.public_key_hash != second.public_key_hash


def test_a_renewal_by_csr_waits_where_approval_is_wanted(
    crew: Crew, jane: ClientCertificate
) -> None:
    csr = factories.csr(factories.key())
    client = desk(crew.operator)
    assert list(errors_of(client.post(page(jane, "renew_csr"), {"csr": "x"}))) == ["csr"]
    client.post(page(jane, "renew_csr"), {"csr": csr})
    jane.refresh_from_db()
    assert (jane.method, jane.versions.count()) == ("csr", 2)
    profile_of("client", needs_approval=True)
    response = client.post(page(jane, "renew_csr"), {"csr": csr, "supersede": "on"})
    enrolment = Enrolment.objects.get()
    assert response.headers["Location"] == page(enrolment)
    assert (enrolment.renews, enrolment.supersedes, jane.versions.count()) == (True, True, 2)


def test_a_hold_is_ended_and_a_revocation_is_not(crew: Crew, jane: ClientCertificate) -> None:
    client = desk(crew.operator)
    client.post(page(jane, "revoke"), {"reason": "certificateHold"})
    html = text(client.get(page(jane)))
    assert "On hold" in html
    assert page(jane, "release") in html
    assert page(jane, "renew") not in html
    client.post(page(jane, "release"))
    jane.refresh_from_db()
    assert jane.state == "active"
    client.post(page(jane, "revoke"), {"reason": "keyCompromise"})
    html = text(client.get(page(jane)))
    assert "Revoked" in html
    assert not {page(jane, "release"), page(jane, "revoke")} & set(html.split('"'))


def test_a_revocation_that_makes_no_sense_is_told_at_its_field(
    crew: Crew, jane: ClientCertificate
) -> None:
    client = desk(crew.operator)
    for sent, field in (
        ({"reason": "cACompromise"}, "reason"),
        ({"reason": "superseded", "number": "9"}, "number"),
        ({"reason": "superseded", "invalidity_at": "2999-01-01T00:00"}, "invalidity_at"),
    ):
        assert list(errors_of(client.post(page(jane, "revoke"), sent))) == [field]
    assert ClientVersion.objects.get().revoked_at is None


def test_a_valid_certificate_is_deleted_only_by_force(crew: Crew, jane: ClientCertificate) -> None:
    client = desk(crew.owner)
    assert "force" in errors_of(client.post(page(jane, "delete")))["__all__"][0]
    response = client.post(page(jane, "delete"), {"force": "on"})
    assert response.headers["Location"] == page(ClientCertificate, "changelist")
    assert not ClientCertificate.objects.exists()


def test_downloads_have_the_form_that_they_say_and_no_key(
    crew: Crew, jane: ClientCertificate
) -> None:
    client = desk(crew.operator)
    html = text(client.get(page(jane)))
    got = {}
    for tool in DOWNLOADS:
        assert page(jane, tool) in html
        response = client.post(page(jane, tool))
        name = response.headers["Content-Disposition"].split('"')[1]
        got[name] = response.content
        assert b"PRIVATE KEY" not in response.content
        assert "no-store" in response.headers["Cache-Control"]
    assert list(got) == ["jane.pem", "jane.cer", "jane.p7b", "jane.zip"]
    assert got["jane.pem"].count(b"BEGIN CERTIFICATE") == 2
    subject = world.openssl("x509", "-inform", "DER", "-noout", "-subject", stdin=got["jane.cer"])
    assert b"Jane Doe" in subject.stdout
    all_of_them = world.openssl(
        "pkcs7", "-inform", "DER", "-print_certs", "-noout", stdin=got["jane.p7b"]
    )
    assert all_of_them.stdout.count(b"subject=") == 2
    archive = zipfile.ZipFile(io.BytesIO(got["jane.zip"]))
    assert archive.namelist() == ["cert.pem", "chain.pem", "fullchain.pem"]


def test_a_private_key_leaves_for_the_right_password_only(
    crew: Crew, jane: ClientCertificate
) -> None:
    client = desk(crew.owner)
    for tool in EXPORTS:
        assert "password" in errors_of(client.post(page(jane, tool), {"password": "guess"}))
        assert "password" in errors_of(client.post(page(jane, tool), {"file_password": "secret"}))
    files = {"file_password": "secret", "file_password_again": "secret"}
    plain = client.post(page(jane, "export_zip"), {"password": PASSWORD})
    key = zipfile.ZipFile(io.BytesIO(plain.content)).read("privkey.pem")
    made = client.post(page(jane, "export_pkcs12"), {"password": PASSWORD} | files)
    assert made.headers["Content-Disposition"] == 'attachment; filename="jane.p12"'
    arguments = ("pkcs12", "-nodes", "-passin", "pass:secret")
    opened = world.openssl(*arguments, stdin=made.content).stdout
    assert key.strip().splitlines()[1] in opened
    old = client.post(page(jane, "export_pkcs12"), {"password": PASSWORD, "legacy": "on"} | files)
    info = world.openssl(*arguments, "-legacy", "-info", "-noout", stdin=old.content).stderr
    assert b"3-KeyTripleDES" in info


def test_a_password_of_a_file_that_does_not_fit_is_told_and_not_shown(
    crew: Crew, jane: ClientCertificate
) -> None:
    client = desk(crew.owner)
    for first, second, field in (
        ("secret", "other", "file_password_again"),
        ("\t", "\t", "file_password"),
    ):
        sent = {"password": PASSWORD, "file_password": first, "file_password_again": second}
        response = client.post(page(jane, "export_pkcs12"), sent)
        assert list(errors_of(response)) == [field]
        assert PASSWORD not in text(response)


def test_a_key_that_was_never_here_is_not_offered(crew: Crew, authority: Authority) -> None:
    made = factories.issued("jane", csr=factories.csr(factories.key()))
    html = text(desk(crew.owner).get(page(made)))
    assert "with its holder" in html
    for tool in (*EXPORTS, "renew"):
        assert page(made, tool) + '"' not in html
    assert page(made, "renew_csr") in html


def test_settings_are_saved_through_the_service(crew: Crew, jane: ClientCertificate) -> None:
    before = jane.renew_at
    factories.identity("john")
    # To take it from its holder is more than to change it.
    assert 'name="identity"' not in desk(crew.operator).get(page(jane)).content.decode()
    client = desk(crew.owner)
    sent = {"identity": "john", "renewal_days": "10", "tags": "a, b", "auto_renew": "on"}
    client.post(page(jane), sent | {"notes": "His."})
    jane.refresh_from_db()
    assert str(jane.identity) == "john"
    assert (jane.renewal_days, jane.tags, jane.notes) == (10, ["a", "b"], "His.")
    assert jane.renew_at != before
    assert list(errors_of(client.post(page(jane), {"identity": "nobody"}))) == ["identity"]


def test_a_person_who_has_to_act_reads_why(crew: Crew, jane: ClientCertificate) -> None:
    ClientCertificate.objects.update(notice_at=clock.now(), renewal_error="Its key is elsewhere.")
    html = text(desk(crew.auditor).get(page(jane)))
    assert "Somebody has to act: Its key is elsewhere." in html
    assert ">Needs action</span>" in html


def test_roles_see_the_pages_of_clients(crew: Crew) -> None:
    for user in (crew.operator, crew.approver, crew.auditor):
        groups = desk(user).get("/admin/").context["app_list"]
        pages = {group["name"]: [one["name"] for one in group["models"]] for group in groups}
        assert pages["Clients"] == ["Client certificates", "Identities", "Enrolments", "Batches"]
