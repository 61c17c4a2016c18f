"""The Celery application. A message only wakes a worker; the rows say what there is to do."""

import gc
import os

from celery import Celery
from celery.signals import worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "certmate.settings")

app = Celery("certmate")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_ready.connect
def _settle(**_: object) -> None:
    """What is loaded by now stays: to look through it again and again for garbage would take a
    fifth of a batch's time.
    """
    gc.freeze()
