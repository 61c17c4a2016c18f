"""Issuance through a whole CertMate beside bare certbot: one plugin, one CA, one DNS server, one
run.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.bench.result import Result
from tests.servers.bind import Bind, bind
from tests.servers.instance import Instance, instance
from tests.servers.pebble import Pebble, pebble

ROUNDS = 5
AT_ONCE = 8
PROPAGATION_SECONDS = 1


def measure() -> list[Result]:
    with (
        bind(["example.test"]) as dns,
        pebble(dns=dns.address) as ca,
        instance() as certmate,
        tempfile.TemporaryDirectory(prefix="certbot-") as folder,
    ):
        prepare(certmate, ca, dns)
        bare = Certbot(Path(folder), ca, dns)
        # One of each before the clock runs: both register their account with it.
        through_certmate(certmate, "warm.example.test")
        bare.issue("bare-warm.example.test")
        ours, theirs = [], []
        for number in range(ROUNDS):
            ours.append(timed(lambda n: through_certmate(certmate, n), f"a{number}.example.test"))
            theirs.append(timed(bare.issue, f"b{number}.example.test"))
        return [ratio_to_certbot(ours, theirs), ratio_of_parallel(certmate)]


def ratio_to_certbot(ours: list[float], theirs: list[float]) -> Result:
    basis = (
        f"median of {ROUNDS}: {statistics.median(ours):.2f} s by `POST /api/certificates?wait`, "
        f"{statistics.median(theirs):.2f} s by `certbot certonly`, taking turns"
    )
    return Result(
        "one issuance, against bare certbot",
        statistics.median(ours) / statistics.median(theirs),
        1.25,
        " x",
        basis,
    )


def ratio_of_parallel(certmate: Instance) -> Result:
    in_a_row = sum(
        timed(lambda n: through_certmate(certmate, n), f"r{number}.example.test")
        for number in range(AT_ONCE)
    )
    started = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda n: through_certmate(certmate, f"p{n}.example.test"), range(AT_ONCE)))
    at_once = time.monotonic() - started
    basis = f"{at_once:.1f} s at once, {in_a_row:.1f} s in a row"
    return Result(
        f"{AT_ONCE} orders at once, against in a row", at_once / in_a_row, 0.4, " x", basis
    )


def timed(work: object, name: str) -> float:
    started = time.monotonic()
    work(name)  # type: ignore[operator]
    return time.monotonic() - started


def prepare(certmate: Instance, ca: Pebble, dns: Bind) -> None:
    account = {
        "name": "pebble",
        "provider": "acme",
        "directory_url": ca.directory_url,
        "trust_bundle": ca.trust_pem,
    }
    zone = {
        "name": "bind",
        "provider": "rfc2136",
        "credentials": dns.credentials(),
        "zones": ["example.test"],
        "propagation_seconds": PROPAGATION_SECONDS,
    }
    for path, body in (("/api/ca-accounts", account), ("/api/dns-accounts", zone)):
        answer = certmate.call("POST", path, body)
        assert answer.status_code == 201, answer.text


def through_certmate(certmate: Instance, name: str) -> None:
    answer = certmate.call("POST", "/api/certificates?wait=60", {"domain": name, "ca": "pebble"})
    assert answer.status_code == 201, answer.text


class Certbot:
    """certbot's own command line with the same plugin, account kept between runs."""

    def __init__(self, folder: Path, ca: Pebble, dns: Bind) -> None:
        self.trust = folder / "trust.pem"
        self.trust.write_text(ca.trust_pem)
        credentials = folder / "rfc2136.ini"
        given = dns.credentials()
        credentials.write_text(
            f"dns_rfc2136_server = {given['nameserver']}\ndns_rfc2136_port = {given['port']}\n"
            f"dns_rfc2136_name = {given['tsig_key']}\ndns_rfc2136_secret = {given['tsig_secret']}\n"
            f"dns_rfc2136_algorithm = {given['tsig_algorithm']}\n"
        )
        credentials.chmod(0o600)
        places = [f"--{kind}-dir={folder / kind}" for kind in ("config", "work", "logs")]
        self.command = [
            str(Path(sys.executable).with_name("certbot")),
            *("certonly", "--non-interactive", "--agree-tos", "--register-unsafely-without-email"),
            *("--server", ca.directory_url, *places),
            *("--dns-rfc2136", f"--dns-rfc2136-credentials={credentials}"),
            f"--dns-rfc2136-propagation-seconds={PROPAGATION_SECONDS}",
        ]

    def issue(self, name: str) -> None:
        environment = {"REQUESTS_CA_BUNDLE": str(self.trust), "PATH": "/usr/bin:/bin"}
        subprocess.run(
            [*self.command, "-d", name], env=environment, capture_output=True, check=True
        )
