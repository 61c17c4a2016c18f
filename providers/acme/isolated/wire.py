"""The child's conversation with its parent: one request line in, JSON lines out."""

import json
import os
import sys
from typing import Any, TextIO


class Channel:
    """Keeps the real stdout for events; everything that certbot prints goes to stderr, the log."""

    def __init__(self, source: TextIO, sink: TextIO) -> None:
        self._source = source
        self._sink = sink

    @classmethod
    def take_over_stdio(cls) -> "Channel":
        """Moves stdout away from whoever prints. Hooks inherit neither end."""
        sink = os.fdopen(os.dup(1), "w", encoding="utf-8")
        source = os.fdopen(os.dup(0), "r", encoding="utf-8")
        os.dup2(2, 1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - stays for the process's life
        return cls(source, sink)

    def request(self) -> dict[str, Any]:
        """The parent's request; EOFError if the parent is gone already."""
        line = self._source.readline()
        if not line:
            raise EOFError("no request")
        wanted: dict[str, Any] = json.loads(line)
        return wanted

    def send(self, event: str, **fields: Any) -> None:
        """Tells the parent something."""
        self._sink.write(json.dumps({"event": event, **fields}) + "\n")
        self._sink.flush()

    def step(self, message: str) -> None:
        """Tells a person what is being done."""
        self.send("step", message=message)

    def ask(self, event: str, **fields: Any) -> bool:
        """Tells the parent something and waits until it has done it; False if it is gone."""
        self.send(event, **fields)
        return bool(self._source.readline())
