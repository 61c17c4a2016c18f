"""What leaves by download: the right parts, to those who may have them, and logged."""

import io
import subprocess
import zipfile
from pathlib import Path

import pytest
from auditlog.models import LogEntry

from certmate.access.models import Approval
from certmate.pki.bundle import Bundle
from certmate.pki.inspect import pem_blocks
from clients.models import ClientCertificate
from clients.services import load_client_bundle
from tests import factories_clients as factories
from tests.access import four_eyes
from tests.caller import Caller, problem
from tests.clients.conftest import Crew

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("authority")]

PATH = "/api/client-certificates/jane/download"


@pytest.fixture
def certificate(authority: object) -> ClientCertificate:
    return factories.issued("jane")


@pytest.fixture
def bundle(certificate: ClientCertificate) -> Bundle:
    return load_client_bundle(actor=factories.SYSTEM, certificate=certificate, include_private=True)


@pytest.fixture
def owner(crew: Crew, bundle: Bundle) -> Caller:
    return Caller(crew.owner)


@pytest.fixture
def operator(crew: Crew, bundle: Bundle) -> Caller:
    """May download, but export no key."""
    return Caller(crew.operator)


def exports() -> int:
    entries = LogEntry.objects.filter(additional_data__event="key.exported")
    return int(entries.count())


def files(content: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_the_zip_has_the_files_of_the_bundle(owner: Caller, bundle: Bundle) -> None:
    before = exports()
    answer = owner.get(PATH)
    assert answer["Content-Disposition"] == 'attachment; filename="jane.zip"'
    assert answer["Cache-Control"] == "no-store"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert files(answer.content) == {
        "cert.pem": bundle.cert,
        "chain.pem": bundle.chain,
        "fullchain.pem": bundle.fullchain,
        "privkey.pem": bundle.privkey,
    }
    assert exports() == before + 1
    assert "privkey.pem" not in files(owner.get(f"{PATH}?include_private=0").content)
    assert exports() == before + 1


def test_pem_and_json_hold_the_same(owner: Caller, bundle: Bundle) -> None:
    assert owner.get(f"{PATH}?format=pem").content.decode() == bundle.combined
    assert owner.get(f"{PATH}?format=json").json() == {
        "cert_pem": bundle.cert,
        "chain_pem": bundle.chain,
        "fullchain_pem": bundle.fullchain,
        "private_key_pem": bundle.privkey,
    }


def test_der_and_pkcs7_hold_the_certificates_and_no_key(
    owner: Caller, bundle: Bundle, tmp_path: Path
) -> None:
    before = exports()
    der = owner.get(f"{PATH}?format=der")
    assert (der["Content-Type"], der.content) == (
        "application/pkix-cert",
        pem_blocks(bundle.cert)[0][1],
    )
    (tmp_path / "file.p7b").write_bytes(owner.get(f"{PATH}?format=pkcs7").content)
    command = [
        "openssl",
        "pkcs7",
        "-inform",
        "DER",
        "-in",
        str(tmp_path / "file.p7b"),
        "-print_certs",
    ]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert text.count("BEGIN CERTIFICATE") == bundle.fullchain.count("BEGIN CERTIFICATE")
    for form in ("der", "pkcs7"):
        answer = owner.get(f"{PATH}?format={form}&include_private=1")
        assert list(problem(answer, 400, "request.invalid")["errors"]) == ["include_private"]
    assert exports() == before


def opened(content: bytes, password: str, folder: Path, *options: str) -> str:
    """What openssl finds in a PKCS#12 file."""
    (folder / "file.p12").write_bytes(content)
    command = ["openssl", "pkcs12", "-in", str(folder / "file.p12"), "-nodes", "-passin", "stdin"]
    return subprocess.run(
        [*command, *options], input=password, capture_output=True, text=True, check=True
    ).stdout


def test_pkcs12_takes_a_password_by_header_or_body_or_makes_one(
    owner: Caller, bundle: Bundle, tmp_path: Path
) -> None:
    header = {"X-PKCS12-Password": "mine"}
    for answer, password in (
        (owner.post(PATH, format="pkcs12", password=" by body "), " by body "),
        (owner.client.get(f"{PATH}?format=pkcs12", headers=header), "mine"),
        (owner.get(f"{PATH}?format=pkcs12"), ""),
    ):
        assert answer.status_code == 200, answer.content
        made = answer.headers.get("X-PKCS12-Password", "")
        assert bool(made) is (not password)
        text = opened(answer.content, password or made, tmp_path)
        assert text.count("BEGIN CERTIFICATE") == bundle.fullchain.count("BEGIN CERTIFICATE")
        assert "BEGIN PRIVATE KEY" in text
    document = problem(owner.post(PATH, format="pkcs12", password="a\tb"), 400, "bundle.password")
    assert list(document["errors"]) == ["password"]


@pytest.mark.parametrize(("legacy", "cipher"), [("1", "pbeWithSHA1And3"), ("0", "AES-256-CBC")])
def test_pkcs12_for_old_programs(owner: Caller, tmp_path: Path, legacy: str, cipher: str) -> None:
    answer = owner.get(f"{PATH}?format=pkcs12&legacy={legacy}")
    (tmp_path / "file.p12").write_bytes(answer.content)
    command = ["openssl", "pkcs12", "-in", str(tmp_path / "file.p12"), "-info", "-noout"]
    told = subprocess.run(
        [*command, "-legacy", "-passin", "stdin"],
        input=answer["X-PKCS12-Password"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert cipher in told.stderr
    by_body = owner.post(PATH, format="pkcs12", legacy=legacy == "1", password="x")
    assert opened(by_body.content, "x", tmp_path, "-legacy")


@pytest.mark.parametrize("part", ["cert", "chain", "fullchain", "privkey", "combined"])
def test_each_part_comes_alone(owner: Caller, bundle: Bundle, part: str) -> None:
    before = exports()
    answer = owner.get(f"{PATH}/{part}")
    assert answer.content.decode() == getattr(bundle, part)
    assert answer["Content-Disposition"].endswith(f'jane-{part}.pem"')
    assert exports() - before == (part in ("privkey", "combined"))


def test_a_part_or_form_that_there_is_not(owner: Caller) -> None:
    problem(owner.get(f"{PATH}/metadata"), 404, "request.not_found")
    problem(owner.get(f"{PATH}/csr"), 404, "request.not_found")
    for query in ("format=jks", "include_private=yes", "legacy=2"):
        document = problem(owner.get(f"{PATH}?{query}"), 400, "request.invalid")
        assert list(document["errors"]) == [query.partition("=")[0]]


def test_who_may_not_export_the_key_gets_the_rest(operator: Caller) -> None:
    before = exports()
    assert set(files(operator.get(PATH).content)) == {"cert.pem", "chain.pem", "fullchain.pem"}
    for path in (f"{PATH}?include_private=1", f"{PATH}/privkey", f"{PATH}/combined"):
        answer = operator.get(path)
        problem(answer, 403, "access.denied")
        assert "PRIVATE" not in answer.content.decode()
    problem(operator.post(PATH, include_private=True), 403, "access.denied")
    assert exports() == before


def test_no_key_leaves_by_a_session(crew: Crew, bundle: Bundle) -> None:
    before = exports()
    browser = four_eyes.AtBrowser(crew.owner)
    assert "privkey.pem" not in files(browser.get(PATH).content)
    for path in (f"{PATH}?include_private=1", f"{PATH}/privkey"):
        problem(browser.get(path), 403, "access.session")
    assert exports() == before


def test_a_key_under_four_eyes_leaves_with_a_ticket(
    crew: Crew, certificate: ClientCertificate
) -> None:
    four_eyes.rule("export_key")
    asker = Caller(crew.owner)
    assert "privkey.pem" not in files(asker.get(PATH).content)
    problem(asker.get(f"{PATH}/privkey"), 403, "approval.needed")
    four_eyes.approve(crew.approver, Approval.objects.get())
    assert "PRIVATE KEY" in asker.get(f"{PATH}/privkey").content.decode()
    problem(asker.get(f"{PATH}/privkey"), 403, "approval.needed")


def test_a_key_that_was_never_here_is_not_found_and_the_rest_is(crew: Crew) -> None:
    factories.issued("jane", csr=factories.csr(factories.key()))
    owner = Caller(crew.owner)
    assert set(files(owner.get(PATH).content)) == {
        *("cert.pem", "chain.pem", "fullchain.pem", "csr.pem")
    }
    assert owner.get(f"{PATH}?format=json").json()["csr_pem"].startswith("-----BEGIN CERT")
    problem(owner.get(f"{PATH}/privkey"), 404, "key.absent")
