"""The parts of the child that a server cannot be made to show."""

import io
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from providers.acme.isolated import network, session
from providers.acme.isolated.wire import Channel
from tests.servers import authority


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1%eth0", "fd00:ec2::254", "::"])
def test_a_name_that_resolves_to_a_forbidden_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    def answer(*_: Any, **__: Any) -> list[Any]:
        good = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443))
        return [good, (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, 443))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    with network.guarded_resolution(), pytest.raises(network.RefusedURL):
        socket.create_connection(("ca.test", 443), timeout=1)
    assert socket.getaddrinfo is answer


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:14000/dir",
        "https://10.0.0.1/dir",
        "https://[fd00::1]/dir",
        "https://ca/dir",
    ],
)
def test_private_addresses_are_allowed(url: str) -> None:
    network.check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://[64:ff9b::a9fe:a9fe]/dir",
        "https://168.63.129.16/dir",
        "https://192.0.0.192/dir",
        "",
        "ftp://ca.test/",
        "https:///dir",
        "https://@ca.test/",
        "https://ca.test:x/",
        "//ca",
    ],
)
def test_what_is_no_https_url_is_refused(url: str) -> None:
    with pytest.raises(network.RefusedURL):
        network.check_url(url)


def test_a_wait_is_read_in_seconds_or_as_a_date() -> None:
    assert network.retry_after_seconds("120") == 120
    soon = format_datetime(datetime.now(UTC) + timedelta(minutes=5), usegmt=True)
    assert 290 < (network.retry_after_seconds(soon) or 0) <= 300
    past = format_datetime(datetime.now(UTC) - timedelta(minutes=5), usegmt=True)
    assert network.retry_after_seconds(past) == 0
    for nonsense in ("", "soon", "-5", "²"):
        assert network.retry_after_seconds(nonsense) is None


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_the_bundle_is_added_to_the_roots_of_the_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "system.pem").write_text("THE SYSTEM")
    monkeypatch.setenv(variable, str(tmp_path / "system.pem"))
    path = session.write_trust("THE BUNDLE", tmp_path / "trust.pem")
    assert Path(path).read_text().split("\n") == ["THE SYSTEM", "THE BUNDLE", ""]


def test_a_folder_of_roots_and_the_default_ones_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    written = Path(session.write_trust("THE BUNDLE", tmp_path / "trust.pem")).read_text()
    assert written.count("BEGIN CERTIFICATE") > 50
    (tmp_path / "roots").mkdir()
    (tmp_path / "roots" / "one.pem").write_text("ONE")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "roots"))
    assert Path(session.write_trust("B", tmp_path / "trust.pem")).read_text() == "ONE\nB\n"


def test_without_a_bundle_nothing_is_written(tmp_path: Path) -> None:
    assert session.write_trust(" \n", tmp_path / "trust.pem") == ""
    assert list(tmp_path.iterdir()) == []


def test_the_first_certificate_of_a_chain_is_read(tmp_path: Path) -> None:
    identity = authority.server_identity(tmp_path)
    chain = identity.certificate.read_text() + identity.root_pem
    der = authority.openssl("x509", "-outform", "PEM", stdin=chain).splitlines()[1:-1]
    assert session.der_text(chain) == "".join(der).replace("+", "-").replace("/", "_").rstrip("=")


def test_a_parent_that_is_gone_answers_no_question() -> None:
    sink = io.StringIO()
    channel = Channel(io.StringIO('{"ack": "t"}\n'), sink)
    assert channel.ask("challenge", token="t") is True
    assert channel.ask("challenge", token="u") is False
    assert sink.getvalue().splitlines()[0] == '{"event": "challenge", "token": "t"}'
