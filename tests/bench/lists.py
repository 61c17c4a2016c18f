"""Lists and sweeps at the size of a large organisation, over HTTP against the web as it is
served.
"""

import time

from tests.bench.fleet import make_fleet
from tests.bench.result import Result, percentile
from tests.servers.instance import Instance, instance

LISTED = 10_000
SWEPT = 100_000
REQUESTS = 200
UNTHROTTLED = {"CERTMATE_RATE_TOKEN": "0"}


def measure_lists() -> list[Result]:
    with instance(UNTHROTTLED) as certmate:
        make_fleet(certmate, LISTED)
        # Each web process loads its code with its first requests.
        latencies(certmate, "/api/certificates", 40)
        paths = {
            "first page": "/api/certificates",
            "by prefix": "/api/certificates?search=host-00042",
            "by expiry, 200 rows": "/api/certificates?ordering=expires_at&limit=200",
        }
        return [
            Result(
                f"GET /api/certificates of {LISTED:,} ({what})",
                percentile(latencies(certmate, path, REQUESTS), 0.95) * 1000,
                60,
                " ms",
                f"p95 of {REQUESTS} requests over HTTP",
            )
            for what, path in paths.items()
        ]


def latencies(certmate: Instance, path: str, count: int) -> list[float]:
    taken = []
    for _ in range(count):
        started = time.perf_counter()
        answer = certmate.call("GET", path)
        taken.append(time.perf_counter() - started)
        assert answer.status_code == 200, answer.text
    return taken


SWEEP = """
import time
from django.db import connection
from django.test.utils import CaptureQueriesContext
from certificates import sweeps
sweeps.renew_due()
taken = []
for _ in range(20):
    with CaptureQueriesContext(connection) as queries:
        started = time.perf_counter()
        assert sweeps.renew_due() == 0
        taken.append(time.perf_counter() - started)
print(len(queries), max(taken) * 1000)
"""


def measure_sweep() -> list[Result]:
    with instance() as certmate:
        make_fleet(certmate, SWEPT)
        queries, milliseconds = certmate.manage("shell", "--no-imports", "-c", SWEEP).split()[-2:]
    basis = f"{SWEPT:,} certificates, none due, slowest of 20"
    return [
        Result("renewal sweep", float(milliseconds), 50, " ms", basis),
        Result("renewal sweep", float(queries), 1, " queries", basis),
    ]
