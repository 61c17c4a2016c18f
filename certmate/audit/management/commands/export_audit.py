"""Write the audit log out, to be kept and verified elsewhere."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from certmate.audit import export, sealing
from certmate.audit.management.commands.prune_audit import instant
from certmate.audit.queries import plain_filters
from certmate.audit.services import record


class Command(BaseCommand):
    help = (
        "Export the audit log as JSON lines, which certmate/audit/verify_export.py verifies "
        "without CertMate, or as CSV. "
        "Example: manage.py export_audit --since 2026-01-01 --output audit.jsonl"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--output", default="-", help="a file that does not exist yet")
        parser.add_argument("--format", choices=("jsonl", "csv"), default="jsonl")
        parser.add_argument("--since", type=instant, help="from this date or time in UTC on")
        parser.add_argument("--until", type=instant, help="before this date or time in UTC")
        parser.add_argument("--event", default="")
        parser.add_argument("--actor", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = {name: options[name] for name in ("event", "actor", "since", "until")}
        lines = export.json_lines if options["format"] == "jsonl" else export.csv_lines
        filters = plain_filters(wanted)
        record(sealing.state(), "audit.exported", form=options["format"], filters=filters)
        if options["output"] == "-":
            self._write(self.stdout, lines(wanted))
            return
        try:
            with Path(options["output"]).open("x", encoding="utf-8", newline="") as stream:
                count = self._write(stream, lines(wanted))
        except OSError as error:
            raise CommandError(str(error)) from error
        self.stderr.write(f"Done: {count} lines.")

    def _write(self, stream: Any, lines: Any) -> int:
        count = 0
        for count, line in enumerate(lines, start=1):
            stream.write(line)
            if count % 100_000 == 0:
                self.stderr.write(f"  {count} lines")
        return count
