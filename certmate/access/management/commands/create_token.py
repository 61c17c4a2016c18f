"""Make an API token from the command line."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from certmate.access import services
from certmate.access.actors import Actor
from certmate.access.verbs import Scope
from certmate.core import clock
from certmate.core.errors import CertMateError


class Command(BaseCommand):
    help = (
        "Make an API token and print it, alone, on the last line. "
        "Example: manage.py create_token --user ada --scope operate --name ci --expires-days 90"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", required=True, help="user name of the owner")
        parser.add_argument(
            "--scope", required=True, action="append", choices=list(Scope), help="may be repeated"
        )
        parser.add_argument("--name", default="command line")
        parser.add_argument("--expires-days", type=int, help="default: does not expire")

    def handle(self, *args: Any, **options: Any) -> None:
        owner = User.objects.filter(username=options["user"]).first()
        if owner is None:
            raise CommandError(f"There is no user {options['user']!r}.")
        days = options["expires_days"]
        try:
            token, plaintext = services.create_token(
                actor=Actor.system(),
                owner=owner,
                name=options["name"],
                scopes=options["scope"],
                expires_at=clock.now() + timedelta(days=days) if days is not None else None,
            )
        except CertMateError as error:
            raise CommandError(error.detail) from error
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        self.stderr.write(
            f"Token {token} with scope {', '.join(token.scopes)}. It is not shown again:"
        )
        self.stdout.write(plaintext)
