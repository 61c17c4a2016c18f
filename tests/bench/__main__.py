"""`make bench`: what CertMate promises about speed, measured against something else in the same
run.

Exit status 1 if a promise is not kept. `make bench ARGS="lists sweep"` runs some of them.
"""

import sys
from collections.abc import Callable

from tests.bench import (
    audit,
    child,
    clients,
    crls,
    grants,
    issuance,
    lists,
    migration,
    ocsp,
    start,
)
from tests.bench.result import Result

BENCHMARKS: dict[str, Callable[[], list[Result]]] = {
    "issuance": issuance.measure,
    "child": child.measure,
    "lists": lists.measure_lists,
    "grants": grants.measure_grants,
    "sweep": lists.measure_sweep,
    "batch": clients.measure_batch,
    "large-batch": clients.measure_large_batch,
    "one-by-one": clients.measure_one_by_one,
    "million": clients.measure_million,
    "crls": crls.measure,
    "ocsp": ocsp.measure,
    "migration": migration.measure,
    "start": start.measure,
    "audit": audit.measure,
}


def main(wanted: list[str]) -> int:
    unknown = sorted(set(wanted) - set(BENCHMARKS))
    if unknown:
        print(f"Unknown: {', '.join(unknown)}. Known: {', '.join(BENCHMARKS)}.")
        return 2
    results = []
    for name in wanted or BENCHMARKS:
        print(f"== {name}", flush=True)
        for result in BENCHMARKS[name]():
            print(f"  {result}", flush=True)
            results.append(result)
    broken = [result for result in results if not result.is_kept]
    print(f"{len(results) - len(broken)} of {len(results)} promises kept.")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
