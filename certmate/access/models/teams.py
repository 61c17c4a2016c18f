"""Teams, which own objects: a grant on a team reaches what it owns."""

from typing import ClassVar

from django.db import models

from certmate.access.verbs import Scope, permissions, under


class Team(models.Model):
    """The owner of certificates, accounts and storage targets."""

    write_scope: ClassVar[str] = Scope.ADMIN

    name = models.SlugField(max_length=64, unique=True)
    description = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)
        permissions = [*permissions("team", "team"), *under("team", "team")]

    def __str__(self) -> str:
        return self.name
