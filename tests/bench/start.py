"""How long a second start takes, and what the idle processes hold."""

import time
from pathlib import Path

from tests.bench.result import Result
from tests.servers.instance import bootstrapped, instance, serving, wait_until


def measure() -> list[Result]:
    with instance() as certmate:
        wait_until(
            lambda: certmate.call("GET", "/ready").ok,
            seconds=60,
            what="worker and scheduler are seen",
        )
        resident = sum(megabytes(process) for process in certmate.processes())
        count = len(certmate.processes())
    return [
        Result("idle memory of all processes", resident, 600, " MB", f"PSS of {count} processes"),
        second_start(),
    ]


def megabytes(process: int) -> float:
    """The process's share of memory: pages that several hold are divided among them."""
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def second_start() -> Result:
    with bootstrapped() as certmate:
        with serving(certmate):
            pass
        started = time.monotonic()
        certmate.manage("bootstrap")
        with serving(certmate):
            taken = time.monotonic() - started
    return Result("second start", taken, 10, " s", "bootstrap and serve until /health answers")
