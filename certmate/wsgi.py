"""WSGI entry point, served by gunicorn."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from certmate.pki import lint

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "certmate.settings")

application = get_wsgi_application()

# Before the processes part: what all of them need is loaded once, and the collector neither looks
# at it again with every hundredth request nor copies it by doing so.
get_resolver().url_patterns  # noqa: B018 - Read to be loaded.
lint.load()
gc.freeze()
