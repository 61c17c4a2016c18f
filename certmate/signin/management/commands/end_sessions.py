"""Signing somebody out everywhere."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from certmate.core.errors import CertMateError
from certmate.signin import services


class Command(BaseCommand):
    help = "End all sessions of a user; API tokens stay. Example: manage.py end_sessions alice"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="user name")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            count = services.end_sessions(name=options["user"])
        except CertMateError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"Sessions ended: {count}.")
