#!/usr/bin/env python
"""Django's command line for CertMate."""

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "certmate.settings")
    try:
        if sys.argv[1:2] == ["bootstrap"]:
            # Settings refuse to load without the two secrets: the first run makes them before.
            from certmate.env import create_local_secrets

            create_local_secrets()
        # Django puts a failure to load them off, and then fails at whatever needs them first.
        _ = settings.INSTALLED_APPS
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        # A sentence that names the variable is for a person; the traceback is not.
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
