"""Recovery for who has lost the second factor and the recovery codes."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from certmate.core.errors import CertMateError
from certmate.signin import services


class Command(BaseCommand):
    help = (
        "Take away all second factors of a user and end the user's sessions. At the next sign-in "
        "the password is enough; who must have a factor is led to set one up. "
        "Example: manage.py reset_second_factor alice"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="user name")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            count = services.reset_second_factor(name=options["user"])
        except CertMateError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"Second factors removed: {count}.")
