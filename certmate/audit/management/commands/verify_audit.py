"""Look whether the audit log is what was sealed."""

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from certmate.audit import verification
from certmate.audit.checkpoints import notes_in


class Command(BaseCommand):
    help = (
        "Verify the audit log: every row, its mark, the tree over all of them, every signed "
        "checkpoint, and the copies of the checkpoints outside the database. Exit status 0, or 1 "
        "and the first bad entry.\n\n"
        "Example: manage.py verify_audit --checkpoints /mnt/elsewhere/checkpoints.log"
    )

    def create_parser(self, *args: Any, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            *args, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs
        )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--checkpoints",
            default="",
            metavar="FILE",
            help="also hold the log against checkpoints that were kept elsewhere",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        kept = options["checkpoints"]
        if kept and not any(notes_in(Path(kept), whole=True)):
            raise CommandError(f"{kept} holds no checkpoint. Nothing was verified.")
        report = verification.verify_fully(self._progress, kept)
        if report.anchor:
            self.stdout.write(f"The first {report.anchor} entries were pruned; the anchor is good.")
        if report.fault is not None:
            raise CommandError(f"The audit log is not what was sealed. {report.fault}")
        self.stdout.write(
            f"{report.size - report.start} sealed entries are sound; "
            f"{report.unsealed} wait to be sealed."
        )

    def _progress(self, done: int, total: int) -> None:
        if done % 100_000 == 0 or done == total:
            self.stdout.write(f"  {done} of {total}")
