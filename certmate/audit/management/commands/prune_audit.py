"""Remove old entries of the audit log, leaving a signed anchor."""

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from certmate.audit import retention
from certmate.core.errors import CertMateError


class Command(BaseCommand):
    help = (
        "Remove the audit entries that were sealed before a date. A signed anchor stays, so that "
        "the rest can still be verified; export first what has to be kept. Safe to interrupt and "
        "to run again. Example: manage.py prune_audit --before 2025-01-01"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--before", required=True, type=instant, metavar="DATE", help="a date or time in UTC"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            count = retention.prune(before=options["before"], progress=self._progress)
        except CertMateError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"Done: {count} entries removed.")

    def _progress(self, done: int) -> None:
        self.stdout.write(f"  {done} entries removed")


def instant(text: str) -> datetime:
    """ISO 8601; without an offset it is UTC."""
    given = datetime.fromisoformat(text)
    return given if given.tzinfo else given.replace(tzinfo=UTC)
