"""Runs a supervisor over stand-in programs: `python -m tests.core.supervise SPECIFICATION`.

It is a process of its own because the supervisor owns the signals of the process that it runs in.
"""

import functools
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

from certmate.core.program import Program
from certmate.core.supervisor import Pace, Supervisor, hold_alone


def program(*, ready_file: str = "", noise: tuple[str, ...] = (), **described: Any) -> Program:
    is_ready = functools.partial(os.path.exists, ready_file) if ready_file else None
    return Program(is_ready=is_ready, noise=tuple(map(str.encode, noise)), **described)


def main() -> int:
    specification = json.loads(sys.argv[1])
    logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(message)s")
    lock = specification.get("lock")
    held = [hold_alone(Path(lock))] if lock else []
    programs = [program(**described) for described in specification["programs"]]
    pace = Pace(**specification.get("pace", {}))
    return Supervisor(programs, output=sys.stdout.fileno(), keep_open=held, pace=pace).run()


if __name__ == "__main__":
    sys.exit(main())
