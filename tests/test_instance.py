"""A whole CertMate, served from an empty directory and used as its users do: by API and files."""

import io
import signal
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.servers.bind import Bind, bind
from tests.servers.instance import Instance, bootstrapped, serving, wait_until
from tests.servers.pebble import Pebble, pebble
from tests.servers.process import free_port

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def dns() -> Iterator[Bind]:
    with bind(["example.test"]) as server:
        yield server


@pytest.fixture(scope="module")
def prepared() -> Iterator[Instance]:
    with bootstrapped() as made:
        yield made


@pytest.fixture(scope="module")
def ca(dns: Bind, prepared: Instance) -> Iterator[Pebble]:
    with pebble(dns=dns.address, http_port=prepared.port) as server:
        yield server


@pytest.fixture(scope="module")
def server(prepared: Instance) -> Iterator[subprocess.Popen[bytes]]:
    with serving(prepared) as process:
        yield process


@pytest.fixture(scope="module")
def certmate(prepared: Instance, server: object, ca: Pebble, dns: Bind) -> Instance:
    account = {
        "name": "pebble",
        "provider": "acme",
        "directory_url": ca.directory_url,
        "email": "ops@example.test",
        "trust_bundle": ca.trust_pem,
    }
    zone = {
        "name": "bind",
        "provider": "rfc2136",
        "credentials": dns.credentials(),
        "zones": ["example.test"],
        "propagation_seconds": 1,
    }
    for path, body in (("/api/ca-accounts", account), ("/api/dns-accounts", zone)):
        answer = prepared.call("POST", path, body)
        assert answer.status_code == 201, answer.text
    return prepared


def issue(certmate: Instance, domain: str, **wanted: object) -> dict[str, object]:
    answer = certmate.call(
        "POST", "/api/certificates?wait=60", {"domain": domain, "ca": "pebble", **wanted}
    )
    assert answer.status_code == 201, answer.text
    made: dict[str, object] = answer.json()
    return made


def test_a_certificate_is_issued_downloaded_renewed_and_revoked(
    certmate: Instance, ca: Pebble
) -> None:
    issue(certmate, "*.example.test", san_domains=["example.test"])
    path = "/api/certificates/*.example.test"
    archive = certmate.call("GET", f"{path}/download?include_private=1").content
    assert set(zipfile.ZipFile(io.BytesIO(archive)).namelist()) >= {
        "cert.pem",
        "chain.pem",
        "fullchain.pem",
        "privkey.pem",
    }
    first = certmate.call("GET", path).json()
    assert certmate.call("POST", f"{path}/renew?wait=60", {}).status_code == 200
    second = certmate.call("GET", path).json()
    assert (first["current_version"], second["current_version"]) == (1, 2)
    assert certmate.call("POST", f"{path}/revoke?wait=60", {"reason": "superseded"}).ok
    assert certmate.call("GET", path).json()["state"] == "revoked"
    assert ca.status(second["serial_number"])["Status"] == "Revoked"


def test_http01_is_answered_by_the_served_application(certmate: Instance) -> None:
    issue(certmate, "web.example.test", challenge_type="http-01")


def test_files_on_disk_are_as_documented(certmate: Instance) -> None:
    issue(certmate, "files.example.test")
    folder = certmate.data / "certificates" / "server" / "files.example.test"
    modes = {
        name: stat.S_IMODE((folder / name).stat().st_mode)
        for name in ("cert.pem", "chain.pem", "fullchain.pem", "privkey.pem", "metadata.json")
    }
    assert modes.pop("privkey.pem") == 0o600
    assert set(modes.values()) == {0o644}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / "fullchain.pem").read_text() == certmate.call(
        "GET", "/files.example.test/tls"
    ).text


def test_nobody_does_anything_without_signing_in(certmate: Instance) -> None:
    for path in ("/api/certificates", "/api/me", "/api/schema", "/x.example/tls"):
        assert requests.get(certmate.url + path, timeout=10).status_code == 401, path
    pages = {"/admin/": "/admin/login/?next=/admin/", "/api/docs": "/account/login/?next=/api/docs"}
    for path, sign_in in pages.items():
        answer = requests.get(certmate.url + path, timeout=10, allow_redirects=False)
        assert answer.status_code == 302
        assert answer.headers["Location"] == sign_in


def test_no_secret_leaves_the_places_that_are_for_it(
    certmate: Instance, dns: Bind, ca: Pebble
) -> None:
    """The DNS secret and the private key are looked for in everything that is written or shown."""
    secrets = {dns.key_secret.encode(), certmate.token.encode()}
    seen_in_processes: set[bytes] = set()
    answer = certmate.call(
        "POST", "/api/certificates", {"domain": "canary.example.test", "ca": "pebble"}
    )
    order = answer.headers["Location"]

    def finished() -> bool:
        for process in Path("/proc").iterdir():
            for part in ("cmdline", "environ"):
                try:
                    shown = (process / part).read_bytes() if process.name.isdigit() else b""
                except OSError:
                    continue
                seen_in_processes.update(secret for secret in secrets if secret in shown)
        state = certmate.call("GET", order.replace(certmate.url, "")).json()["state"]
        assert state != "failed"
        return bool(state == "succeeded")

    wait_until(finished, seconds=60, what="the order")
    assert not seen_in_processes
    folder = certmate.data / "certificates" / "server" / "canary.example.test"
    secrets.add((folder / "privkey.pem").read_bytes().splitlines()[1])
    searched = [certmate.log_file, *certmate.data.rglob("*")]
    files = [p for p in searched if p.is_file() and "certificates/server" not in str(p)]
    assert {"certmate.sqlite3", "certmate.sqlite3-wal"} <= {path.name for path in files}
    found = [path for path in files for secret in secrets if secret in path.read_bytes()]
    assert not found


def test_an_order_whose_message_was_lost_is_found_by_the_sweep(certmate: Instance) -> None:
    unreachable = certmate.environment | {"CERTMATE_BROKER_URL": "redis://127.0.0.1:1/0"}
    lonely = Instance(certmate.port, certmate.data, unreachable, certmate.log_file)
    lonely.manage("issue", "lost.example.test", "--ca", "pebble")
    wait_until(
        lambda: certmate.call("GET", "/api/certificates/lost.example.test").json()["exists"],
        seconds=100,
        what="the sweep to find the order and a worker to carry it out",
    )


def test_a_stop_ends_every_process_and_a_second_start_keeps_everything() -> None:
    with bootstrapped() as made:
        with serving(made) as process:
            body = {"name": "le", "provider": "letsencrypt-staging", "email": "ops@example.test"}
            assert made.call("POST", "/api/ca-accounts", body).status_code == 201
            process.send_signal(signal.SIGTERM)
            assert process.wait(40) == 0
            wait_until(lambda: not made.processes(), seconds=5, what="the processes to end")
        assert "Administrator" not in made.manage("bootstrap")
        with serving(made):
            assert [a["name"] for a in made.call("GET", "/api/ca-accounts").json()["results"]] == [
                "le"
            ]
            refused = subprocess.run(
                [sys.executable, "manage.py", "serve", "--port", str(free_port())],
                env=made.environment,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
    assert refused.returncode != 0
    assert "Another `serve`" in refused.stderr
    assert "Traceback" not in refused.stderr
