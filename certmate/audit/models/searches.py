"""Searches that somebody keeps for himself."""

from typing import ClassVar

from django.conf import settings
from django.db import models


class SavedSearch(models.Model):
    """A name for a query of the list; only its owner sees it."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="audit_searches"
    )
    name = models.CharField(max_length=80)
    query = models.CharField(max_length=2000, blank=True)

    class Meta:
        default_permissions = ()
        ordering = ("name",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint("owner", "name", name="audit_search_name")
        ]

    def __str__(self) -> str:
        return self.name
