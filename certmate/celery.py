"""The Celery application. A message only wakes a worker; the rows say what there is to do."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "certmate.settings")

app = Celery("certmate")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
