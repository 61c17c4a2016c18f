"""Letting somebody try again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from certmate.signin import services


class Command(BaseCommand):
    help = (
        "Forget the failed attempts of a user name, or of an address, which are locked out "
        "otherwise for a while. Example: manage.py unlock alice"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", nargs="?", default="", help="user name")
        parser.add_argument("--address", default="", help="IP address")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["user"] and not options["address"]:
            raise CommandError("Name a user, or give --address.")
        count = services.unlock(name=options["user"], address=options["address"])
        self.stdout.write(
            f"Unlocked: {count} counts forgotten." if count else "Nothing was locked."
        )
