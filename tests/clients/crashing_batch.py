"""`python -m tests.clients.crashing_batch BATCH PLACE`: carries out a batch and is killed with
SIGKILL at that place, as by the kernel.
"""

import sys

import django

from tests.certificates.crashing_worker import after, die

PLACES = (
    "before the ledger",
    "after the ledger",
    "before keeping",
    "while keeping",
    "after keeping",
)


def main(batch_id: int, place: str) -> None:
    django.setup()
    from clients import batch_run, batching, issuing
    from providers import issuers
    from providers.services import ledger

    # Small chunks, so that there is something before and after the one that is killed.
    batch_run.CHUNK = 10
    match place:
        case "before the ledger":
            ledger.record = die  # type: ignore[assignment]
        case "after the ledger":
            ledger.record = after(ledger.record)
        case "before keeping":
            issuing.keep = die  # type: ignore[assignment]
        case "while keeping":
            issuers.keep = after(issuers.keep)
        case "after keeping":
            issuing.keep = after(issuing.keep)
    batching.run_batch(batch_id)
    raise SystemExit(f"The batch went through without passing {place!r}.")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
