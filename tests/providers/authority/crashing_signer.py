"""`python -m tests.providers.authority.crashing_signer AUTHORITY PLACE`: has a leaf signed and is
killed with SIGKILL at that place, as by the kernel.
"""

import os
import signal
import sys
from typing import Any

import django

PLACES = ("before the signature", "before the ledger is complete")


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(name: str, place: str) -> None:
    django.setup()
    from providers.authority.custody.base import SoftwareSigner
    from providers.models import Authority
    from providers.services import ledger
    from tests.providers.authority import making

    if place == PLACES[0]:
        SoftwareSigner.sign = die  # type: ignore[assignment]
    else:
        ledger.complete = die
    making.leaf(Authority.objects.get(name=name))
    raise SystemExit(f"It was signed without passing {place!r}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
