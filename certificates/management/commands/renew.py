"""Renew from the command line: one certificate, or all that are due."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from certificates import sweeps
from certificates.management.commands.issue import follow
from certificates.models import Certificate
from certificates.services import renew_certificate
from certmate.access.actors import Actor
from certmate.core.errors import CertMateError


class Command(BaseCommand):
    help = (
        "Renew a certificate, or place orders for all that are due. "
        "Example: manage.py renew www.example.com --wait"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("name", nargs="?", help="name of the certificate")
        which.add_argument(
            "--due", action="store_true", help="all whose renewal is due; workers carry them out"
        )
        parser.add_argument(
            "--wait", action="store_true", help="carry it out here and show each step"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["due"]:
            self._renew_due(wait=options["wait"])
            return
        certificate = Certificate.objects.filter(name=options["name"]).first()
        if certificate is None:
            raise CommandError(f"There is no certificate {options['name']!r}.")
        try:
            order = renew_certificate(actor=Actor.system(), certificate=certificate)
        except CertMateError as error:
            raise CommandError(f"{error.code}: {error.detail}") from error
        self.stdout.write(f"Order {order.pk}.")
        if options["wait"]:
            follow(self, [order.pk])

    def _renew_due(self, *, wait: bool) -> None:
        if wait:
            raise CommandError("--wait follows one certificate; look at the orders instead.")
        total = 0
        while dealt_with := sweeps.renew_due():
            total += dealt_with
            self.stdout.write(f"  {total} dealt with")
        self.stdout.write(f"{total} certificates were due; workers carry their orders out.")
