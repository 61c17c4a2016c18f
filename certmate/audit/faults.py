"""What can be wrong with the log."""

from dataclasses import dataclass

from django.db import models


class Kind(models.TextChoices):
    """How the log was tampered with, as far as can be told."""

    EDITED = "edited", "Edited"
    DELETED = "deleted", "Deleted"
    INSERTED = "inserted", "Inserted"
    REORDERED = "reordered", "Reordered"
    TRUNCATED = "truncated", "Cut off at the end"
    KEY = "key_swapped", "Key swapped"
    FORGED = "checkpoint_forged", "Checkpoint forged"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, and where: the entry's id and its place in the tree if it has
    any.
    """

    kind: str
    detail: str
    entry_id: int | None = None
    position: int | None = None

    def __str__(self) -> str:
        where = [] if self.entry_id is None else [f"entry {self.entry_id}"]
        if self.position is not None:
            where.append(f"position {self.position}")
        return f"{self.kind}{': ' if where else ''}{', '.join(where)}: {self.detail}"


class FaultFound(Exception):
    """Ends a verification at the first fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault
