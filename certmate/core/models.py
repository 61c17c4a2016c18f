"""What the kernel itself keeps: when each kind of process was last seen at work."""

from datetime import datetime

from django.db import models


class Heartbeat(models.Model):
    """The last sign of life of a part of the system, for /ready."""

    part = models.CharField(max_length=32, primary_key=True)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.part

    @classmethod
    def beat(cls, part: str, now: datetime) -> None:
        cls.objects.update_or_create(part=part, defaults={"seen_at": now})
