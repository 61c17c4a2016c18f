"""Who asked for something that a worker carries out later."""

from django.conf import settings
from django.db import models

from certmate.access.models.tokens import ApiToken


class Requested(models.Model):
    """A row with who asked for it; `certmate.access.requesters` writes these fields and reads them.

    `by_token` and `by_system` stand beside the references, which can be deleted: who used a token
    does not thereby become a person, nor somebody who is gone the system.
    """

    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    requested_token = models.ForeignKey(
        ApiToken, models.SET_NULL, null=True, related_name="+", db_index=False
    )
    by_token = models.BooleanField(default=False)
    by_system = models.BooleanField(default=False)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        abstract = True
