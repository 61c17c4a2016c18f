#!/usr/bin/env python
"""Django's command line for CertMate."""

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "certmate.settings")
    if sys.argv[1:2] == ["bootstrap"]:
        # Settings refuse to load without the two secrets, so the first run makes them before that.
        from certmate.env import create_local_secrets

        create_local_secrets()
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
