"""What leaves by download: the right parts, to those who may have them, and logged."""

import io
import subprocess
import zipfile
from pathlib import Path

import pytest
from auditlog.models import LogEntry

from certificates.models import Certificate
from certmate.pki.bundle import Bundle
from certmate.pki.inspect import describe_certificate
from storage import services as storage
from storage.backends.base import BundleRef
from tests import factories
from tests.caller import Caller, problem
from tests.cast import Cast
from tests.storage.bundles import issue, without_key

pytestmark = pytest.mark.django_db

NAME = "*.example.test"
PATH = f"/api/certificates/{NAME}/download"


def stored(bundle: Bundle, name: str = NAME) -> Certificate:
    """A certificate whose current version is this bundle, kept in the database."""
    certificate = factories.certificate(name)
    facts = describe_certificate(bundle.cert)
    factories.version(
        certificate,
        fingerprint=facts.fingerprint,
        cert=bundle.cert,
        chain=bundle.chain,
        has_private_key=bundle.privkey is not None,
    )
    ref = BundleRef("server", name)
    storage.store(target=certificate.storage_target, ref=ref, bundle=bundle)
    return certificate


@pytest.fixture
def bundle() -> Bundle:
    return issue("www.example.test")


@pytest.fixture
def certificate(bundle: Bundle) -> Certificate:
    return stored(bundle)


@pytest.fixture
def owner(cast: Cast, certificate: Certificate) -> Caller:
    return Caller(cast.owner)


@pytest.fixture
def reader(cast: Cast, certificate: Certificate) -> Caller:
    """May download, but export no key."""
    return Caller(cast.operator, "read")


def events() -> list[str]:
    entries = LogEntry.objects.exclude(additional_data=None).order_by("id")
    return [entry.additional_data["event"] for entry in entries if "event" in entry.additional_data]


def files(content: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


@pytest.mark.parametrize("path", [PATH, f"/api/web/certificates/{NAME}/download"])
def test_the_zip_has_the_files_of_the_specification(
    owner: Caller, bundle: Bundle, path: str
) -> None:
    answer = owner.get(path)
    assert answer["Content-Type"] == "application/zip"
    assert answer["Content-Disposition"] == 'attachment; filename="_wildcard.example.test.zip"'
    assert answer["Cache-Control"] == "no-store"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert files(answer.content) == {
        "cert.pem": bundle.cert,
        "chain.pem": bundle.chain,
        "fullchain.pem": bundle.fullchain,
        "privkey.pem": bundle.privkey,
    }
    assert events()[-1] == "key.exported"


def test_who_may_not_export_the_key_gets_the_rest(reader: Caller, bundle: Bundle) -> None:
    assert set(files(reader.get(PATH).content)) == {"cert.pem", "chain.pem", "fullchain.pem"}
    assert events()[-1] == "certificate.downloaded"
    assert "key.exported" not in events()


@pytest.mark.parametrize(
    "path", [f"{PATH}?include_private=1", f"{PATH}/privkey", f"{PATH}/combined"]
)
def test_who_may_not_export_the_key_and_asks_for_it_is_refused(reader: Caller, path: str) -> None:
    answer = reader.get(path)
    problem(answer, 403, "access.denied")
    assert "PRIVATE" not in answer.content.decode()
    assert "key.exported" not in events()


def test_the_key_can_be_left_out(owner: Caller) -> None:
    assert "privkey.pem" not in files(owner.get(f"{PATH}?include_private=0").content)
    assert "key.exported" not in events()


def test_pem_and_json_hold_the_same(owner: Caller, bundle: Bundle) -> None:
    pem = owner.get(f"{PATH}?format=pem")
    assert pem.content.decode() == bundle.combined
    assert pem["Content-Disposition"] == 'attachment; filename="_wildcard.example.test.pem"'
    answer = owner.get(f"{PATH}?format=json")
    assert answer["Cache-Control"] == "no-store"
    assert answer.json() == {
        "cert_pem": bundle.cert,
        "chain_pem": bundle.chain,
        "fullchain_pem": bundle.fullchain,
        "private_key_pem": bundle.privkey,
    }
    assert "private_key_pem" not in owner.get(f"{PATH}?format=json&include_private=0").json()


@pytest.mark.parametrize("part", ["cert", "chain", "fullchain", "privkey", "combined"])
def test_each_part_comes_alone(owner: Caller, bundle: Bundle, part: str) -> None:
    answer = owner.get(f"{PATH}/{part}")
    assert answer.content.decode() == getattr(bundle, part)
    assert answer["Content-Disposition"].endswith(f'_wildcard.example.test-{part}.pem"')
    assert answer["Cache-Control"] == "no-store"
    exported = events()[-1] == "key.exported"
    assert exported is (part in ("privkey", "combined"))


def test_a_part_or_form_that_there_is_not(owner: Caller) -> None:
    problem(owner.get(f"{PATH}/metadata"), 404, "request.not_found")
    document = problem(owner.get(f"{PATH}?format=p7b"), 400, "request.invalid")
    assert list(document["errors"]) == ["format"]
    document = problem(owner.get(f"{PATH}?include_private=yes"), 400, "request.invalid")
    assert list(document["errors"]) == ["include_private"]


def opened(content: bytes, password: str, folder: Path) -> str:
    """What openssl finds in a PKCS#12 file."""
    (folder / "file.p12").write_bytes(content)
    command = ["openssl", "pkcs12", "-in", str(folder / "file.p12"), "-nodes", "-passin", "stdin"]
    return subprocess.run(
        command, input=password, capture_output=True, text=True, check=True
    ).stdout


def test_pkcs12_takes_a_password_by_header_or_body_or_makes_one(
    owner: Caller, tmp_path: Path
) -> None:
    for answer, password in (
        (owner.post(PATH, format="pkcs12", password=" by body "), " by body "),
        (owner.client.get(f"{PATH}?format=pkcs12", headers={"X-PKCS12-Password": "mine"}), "mine"),
        (owner.get(f"{PATH}?format=pkcs12"), ""),
    ):
        assert answer.status_code == 200, answer.content
        assert answer["Content-Type"] == "application/x-pkcs12"
        made = answer.headers.get("X-PKCS12-Password", "")
        assert bool(made) is (not password)
        assert len(made or "x" * 20) >= 20
        text = opened(answer.content, password or made, tmp_path)
        assert "BEGIN PRIVATE KEY" in text
        assert text.count("BEGIN CERTIFICATE") == 2


def test_a_password_that_cannot_be_typed_is_refused(owner: Caller) -> None:
    answer = owner.post(PATH, format="pkcs12", password="a\tb")
    assert list(problem(answer, 400, "bundle.password")["errors"]) == ["password"]


def test_a_download_by_post_obeys_the_same_rules(reader: Caller) -> None:
    problem(reader.post(PATH, include_private=True), 403, "access.denied")
    assert "privkey.pem" not in files(reader.post(PATH).content)


def test_the_direct_download_is_the_full_chain(reader: Caller, bundle: Bundle) -> None:
    answer = reader.get(f"/{NAME}/tls")
    assert answer.content.decode() == bundle.fullchain
    assert answer["Content-Type"] == "application/x-pem-file"
    assert "_wildcard.example.test-fullchain.pem" in answer["Content-Disposition"]
    assert reader.get("/*.EXAMPLE.test/tls").status_code == 200
    problem(reader.get("/nobody.test/tls"), 404, "request.not_found")


def test_nothing_leaves_to_outsiders_and_auditors(cast: Cast, certificate: Certificate) -> None:
    for path in (PATH, f"{PATH}/cert", f"/{NAME}/tls"):
        problem(Caller(cast.outsider).get(path), 404, "request.not_found")
        problem(Caller(cast.auditor).get(path), 403, "access.denied")
        problem(Caller().get(path), 401, "auth.required")


def test_a_key_that_was_never_here_is_not_found_and_the_rest_is(cast: Cast) -> None:
    stored(without_key(issue("own.example.test")), "own.example.test")
    caller = Caller(cast.owner)
    path = "/api/certificates/own.example.test/download"
    assert "privkey.pem" not in files(caller.get(path).content)
    problem(caller.get(f"{path}/privkey"), 404, "key.absent")


def test_before_the_first_issuance_there_is_nothing_to_download(cast: Cast) -> None:
    factories.certificate("new.example.test")
    problem(
        Caller(cast.owner).get("/api/certificates/new.example.test/download"),
        404,
        "certificate.not_issued",
    )
