"""`python -m tests.certificates.crashing_worker ORDER PLACE`: carries out an order and is killed
with SIGKILL at that place, as by the kernel: no handler, no finally, no flush.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import django

PLACES = (
    "before the ACME client",
    "before the CA's order is kept",
    "while the CA checks",
    "after the CA answered",
    "before storing",
    "after storing",
    "before marking done",
)


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def after(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> None:
        function(*args, **kwargs)
        die()

    return wrapped


def main(order_id: int, place: str) -> None:
    django.setup()
    from certificates import execution, obtaining
    from certificates.watch import OrderWatch
    from providers import issuers
    from storage import services as storage

    match place:
        case "before the ACME client":
            issuers.issue = die  # type: ignore[assignment]
        case "before the CA's order is kept":
            OrderWatch.order_created = die  # type: ignore[method-assign]
        case "while the CA checks":
            OrderWatch.order_created = after(OrderWatch.order_created)  # type: ignore[method-assign]
        case "after the CA answered":
            obtaining._keep = die  # type: ignore[assignment]
        case "before storing":
            storage.store = die
        case "after storing":
            storage.store = after(storage.store)
        case "before marking done":
            execution._finish = die
    execution.run_order(order_id)
    raise SystemExit(f"The order went through without passing {place!r}.")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
