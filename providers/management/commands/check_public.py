"""Fetch what authorities publish, from outside of the server, and verify it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from providers.models import Authority
from providers.services.public_check import check_public


class Command(BaseCommand):
    help = (
        "Fetch the certificates and CRLs that authorities publish, and ask by OCSP, as verifiers "
        "do, and verify what comes; exits with 1 if one is wrong. "
        "Example: manage.py check_public issuing-ca"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="?", default="", help="of one authority (default: all)")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"]
        if name and not Authority.objects.filter(name=name).exists():
            raise CommandError(f"There is no authority {name!r}.")
        count = faults = 0
        for one in check_public(name):
            count += 1
            faults += bool(one.fault)
            self.stdout.write(f"{one.url}: {one.fault or 'right'}")
        if faults:
            raise CommandError(f"{faults} of {count} addresses are not right.")
        self.stdout.write(f"{count} addresses are right.")
