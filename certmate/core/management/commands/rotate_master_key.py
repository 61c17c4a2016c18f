"""Change the master key that wraps every stored secret."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from certmate.core import rotation


class Command(BaseCommand):
    help = (
        "Wrap every stored secret under a new master key. Safe to interrupt and to run again; "
        "services may "
        "go on running. With CERTMATE_MASTER_KEY set, put the new key first ('new,old'), "
        "restart, run this, "
        "then remove the old one. Example: manage.py rotate_master_key --forget-old"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--forget-old",
            action="store_true",
            help="afterwards remove the old keys from the key file; "
            "older database backups then need a copy of the old file",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        added = rotation.add_key()
        self.stdout.write(
            "A new master key leads the key file." if added else "Continuing under the newest key."
        )
        total = rotation.rewrap_all(lambda done: self.stdout.write(f"  {done} secrets re-wrapped"))
        left = sum(rotation.outstanding(column).count() for column in rotation.sealed_columns())
        if left:
            raise CommandError(
                f"{left} secrets were written under an old key meanwhile; run the command again."
            )
        self.stdout.write(f"Done: {total} secrets, none left under an older key.")
        if options["forget_old"]:
            self.stdout.write(f"{rotation.forget_old_keys()} old keys removed from the key file.")
