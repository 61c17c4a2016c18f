"""What a run of certbot pays for the plugins that it does not use."""

import json
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from providers.acme.account import AccountRef
from providers.acme.plan import IssueRequest, Publication, plan_issue
from providers.dns.catalogue import CATALOGUE
from providers.dns.render import render
from tests.bench.result import Result
from tests.servers import authority
from tests.servers.bind import Bind, bind
from tests.servers.process import free_port

ROUNDS = 9
ONLY = "certbot_dns_rfc2136"
PROJECT = Path(__file__).resolve().parents[2]


def measure() -> list[Result]:
    with bind() as server, tempfile.TemporaryDirectory(prefix="child-") as name:
        folder = Path(name)
        request = _request(server, folder)
        whole, single = _packages(folder / "whole", ""), _packages(folder / "single", ONLY)
        every: list[float] = []
        alone: list[float] = []
        # The first of each is not counted: it fills the caches of the disk.
        for _ in range(ROUNDS + 1):
            every.append(_run(request, whole))
            alone.append(_run(request, single))
    every, alone = every[1:], alone[1:]
    basis = (
        f"median of {ROUNDS}: {statistics.median(every):.2f} s with all plugins installed, "
        f"{statistics.median(alone):.2f} s with one, until the CA is called; taking turns"
    )
    ratio = statistics.median(every) / statistics.median(alone)
    return [Result("start of a run, all plugins against one", ratio, 1.3, " x", basis)]


def _request(server: Bind, folder: Path) -> dict[str, object]:
    """An order at a CA that is not there: it ends when certbot is ready to begin."""
    nowhere = f"https://127.0.0.1:{free_port()}/dir"
    key = authority.private_key()
    account = AccountRef(nowhere, key, "https://127.0.0.1/account")
    entry = CATALOGUE["rfc2136"]
    proof = render(entry, entry.validate(server.credentials()), 0)
    csr = authority.request(key, ("example.test",), folder)
    where = Publication(resolvers=(server.address,))
    wanted = plan_issue(IssueRequest(account, csr, "dns-01", proof, publication=where))
    del wanted["secrets"]
    return wanted | {"parent": os.getpid()}


def _packages(folder: Path, only: str) -> Path:
    """The installed packages, of certbot's plugins only this one if one is named."""
    folder.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        is_plugin = path.name.startswith(("certbot_dns_", "certbot_regru"))
        if not (only and is_plugin) or path.name.startswith(only):
            (folder / path.name).symlink_to(path)
    return folder


def _run(request: dict[str, object], packages: Path) -> float:
    # Without its site-packages, the interpreter has the given ones alone.
    command = [sys.executable, "-S", "-m", "providers.acme.child"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(packages), "HOME": "/nonexistent"}
    with tempfile.TemporaryDirectory(prefix="run-") as workspace:
        line = json.dumps(request | {"workspace": workspace}).encode() + b"\n"
        started = time.monotonic()
        done = subprocess.run(
            command, cwd=PROJECT, input=line, env=environment, capture_output=True, check=False
        )
        taken = time.monotonic() - started
    last = json.loads(done.stdout.splitlines()[-1])
    if last.get("kind") != "network":
        raise RuntimeError(f"{last}\n{done.stderr.decode()}")
    return taken
