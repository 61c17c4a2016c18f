"""Publish CRLs from the command line: all that are due, or those of one authority."""

import getpass
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from certmate.access.actors import Actor
from certmate.core.errors import CertMateError
from providers.models import CRL, Authority
from providers.services import addresses, crls


class Command(BaseCommand):
    help = (
        "Publish the CRLs that are due, or all of one authority. "
        "Example: manage.py publish_crls offline-root --passphrase-file /run/keys/root"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="?", help="name of the authority (default: all due)")
        parser.add_argument(
            "--passphrase-file",
            type=Path,
            metavar="FILE",
            help="has the passphrase of the authority's key (default: asked on the terminal)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        file = options["passphrase_file"]
        if options["name"] is None:
            if file is not None:
                raise CommandError("A passphrase is for one authority: name it.")
            count = crls.publish_due(self._tell)
            self.stdout.write(f"{count} CRLs were due.")
            return
        authority = Authority.objects.filter(name=options["name"]).first()
        if authority is None:
            raise CommandError(f"There is no authority {options['name']!r}.")
        passphrase = _passphrase(file) if authority.is_offline else ""
        try:
            made = crls.publish_crls(
                actor=Actor.system(), authority=authority, passphrase=passphrase
            )
        except CertMateError as error:
            raise CommandError(f"{error.code}: {error.detail}") from error
        for crl in made:
            self._tell(crl)

    def _tell(self, crl: CRL) -> None:
        url = addresses.crl_url(crl.key, crl.shard)
        until = f"{crl.next_update:%Y-%m-%d %H:%M} UTC"
        self.stdout.write(f"{url}: {crl.entries} entries, valid until {until}")


def _passphrase(file: Path | None) -> str:
    if file is None:
        try:
            return getpass.getpass("Passphrase of the authority's key: ")
        except EOFError:
            raise CommandError(
                "Nobody is there to type the passphrase; give --passphrase-file."
            ) from None
    try:
        return file.read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read.") from error
