"""Everything between an empty data directory and a server that can be started."""

import hashlib
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.contrib.staticfiles.finders import get_finders
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from certmate import env
from certmate.core.keyring import keyring

ADMIN = "admin"


class Command(BaseCommand):
    help = (
        "Make the data directory with its keys, migrate, collect static files, and create the "
        "administrator "
        "if there is none (password from CERTMATE_ADMIN_PASSWORD, else generated and printed "
        "once). Safe to "
        "repeat: what exists stays. Example: manage.py bootstrap"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--admin", default=ADMIN, help="user name of the first administrator")

    def handle(self, *args: Any, **options: Any) -> None:
        settings.CERTMATE_HOOKS_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            keyring()
            password = env.secret("CERTMATE_ADMIN_PASSWORD")
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        call_command("migrate", interactive=False, verbosity=0)
        _collect_static_files()
        self.stdout.write(f"Database and static files are up to date in {settings.DATA_DIR}.")
        if not User.objects.filter(is_superuser=True).exists():
            self._create_admin(options["admin"], password)

    def _create_admin(self, name: str, given: str) -> None:
        password = given or secrets.token_urlsafe(18)
        user = User(username=name, is_staff=True, is_superuser=True)
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise CommandError(f"CERTMATE_ADMIN_PASSWORD: {' '.join(error.messages)}") from error
        user.set_password(password)
        user.save()
        shown = "as given in CERTMATE_ADMIN_PASSWORD" if given else password
        self.stdout.write(f"Administrator: {name}\nPassword:      {shown}")
        if not given:
            self.stdout.write("It is not shown again. Change it after signing in.")


def _collect_static_files() -> None:
    """Collect and compress them, unless they are what was collected last: it takes seconds."""
    found = _fingerprint()
    stamp = settings.STATIC_ROOT / ".collected"
    if not stamp.exists() or stamp.read_text() != found:
        call_command("collectstatic", interactive=False, verbosity=0, clear=True)
        stamp.write_text(found)


def _fingerprint() -> str:
    """A hash over place, size and time of change of every static file."""
    files = [storage.path(name) for finder in get_finders() for name, storage in finder.list(None)]
    facts = [(path, Path(path).stat()) for path in sorted(files)]
    told = "\n".join(f"{path} {stat.st_size} {stat.st_mtime_ns}" for path, stat in facts)
    return hashlib.sha256(told.encode()).hexdigest()
