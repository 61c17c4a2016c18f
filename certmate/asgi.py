"""ASGI entry point for those who run CertMate under an ASGI server."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "certmate.settings")

application = get_asgi_application()
