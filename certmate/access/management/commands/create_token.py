"""Make an API token from the command line."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from certmate.access import services
from certmate.access.actors import Actor
from certmate.access.models import ApiToken
from certmate.access.verbs import Scope
from certmate.core import clock
from certmate.core.errors import CertMateError


class Command(BaseCommand):
    help = (
        "Make an API token and print it, alone, on the last line. "
        "Example: manage.py create_token --user ada --scope operate --name ci --expires-days 90 "
        "--allow '*.dev.example.com' --network 192.0.2.0/24"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        owner = parser.add_mutually_exclusive_group(required=True)
        owner.add_argument("--user", help="user name of the owner")
        owner.add_argument("--service-account", help="name of the owner, a service account")
        parser.add_argument(
            "--scope", required=True, action="append", choices=list(Scope), help="may be repeated"
        )
        parser.add_argument("--name", default="command line")
        parser.add_argument("--expires-days", type=int, help="default: does not expire")
        parser.add_argument(
            "--team", action="append", default=[], help="only what it owns; may be repeated"
        )
        parser.add_argument(
            "--allow",
            action="extend",
            nargs="+",
            default=[],
            metavar="PATTERN",
            help="only certificates whose names all match, such as *.dev.example.com",
        )
        parser.add_argument(
            "--network",
            action="append",
            default=[],
            metavar="CIDR",
            help="only calls from there; may be repeated",
        )
        parser.add_argument(
            "--agent", action="store_true", help="automation uses it; the audit log tells so"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            token, plaintext = self._made(options)
        except CertMateError as error:
            raise CommandError(error.detail) from error
        except OverflowError as error:
            raise CommandError("--expires-days is more than a calendar has.") from error
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        self.stderr.write(
            f"Token {token} with scope {', '.join(token.scopes)}. It is not shown again:"
        )
        self.stdout.write(plaintext)

    def _made(self, options: dict[str, Any]) -> tuple[ApiToken, str]:
        actor, days = Actor.system(), options["expires_days"]
        teams = [services.find_team(actor=actor, name=name) for name in options["team"]]
        return services.create_token(
            actor=actor,
            owner=self._owner(actor, options),
            name=options["name"],
            scopes=options["scope"],
            expires_at=clock.now() + timedelta(days=days) if days is not None else None,
            teams=[team for team in teams if team is not None],
            name_patterns=options["allow"],
            networks=options["network"],
            is_agent=options["agent"],
        )

    def _owner(self, actor: Actor, options: dict[str, Any]) -> User:
        if options["service_account"]:
            account = services.find_service_account(actor=actor, name=options["service_account"])
            return account.user
        owner = User.objects.filter(username=options["user"]).first()
        if owner is None:
            raise CommandError(f"There is no user {options['user']!r}.")
        return owner
