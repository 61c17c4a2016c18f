"""How many client certificates there are, of those that the caller may see."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import models
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certmate.access import policy
from certmate.core import clock
from certmate.rest.views import Endpoint, Operation
from clients.choices import ClientState
from clients.models import ClientCertificate
from providers.models import Profile

MOST = 1000
"""Where counting stops: beyond this a number says nothing new."""
_MEANT = f"At most {MOST + 1}, which means more than {MOST}."


class StatsOutput(serializers.Serializer[Any]):
    by_state = serializers.DictField(child=serializers.IntegerField(), help_text=_MEANT)
    by_certificate_type = serializers.DictField(
        child=serializers.IntegerField(),
        help_text=f"By the types of the profiles that you may see. {_MEANT}",
    )
    expiring_in_7_days = serializers.IntegerField(help_text=f"Active ones. {_MEANT}")
    expiring_in_30_days = serializers.IntegerField(help_text=f"Active ones. {_MEANT}")
    needs_action = serializers.IntegerField(help_text=f"Of a person. {_MEANT}")

    class Meta:
        ref_name = "ClientCertificateStats"


class Stats(Endpoint):
    tag = "client-certificates"
    operations = {"GET": Operation("get_client_certificate_stats", {200: StatsOutput})}
    pagination_class = None

    def get(self, request: Request) -> Response:
        """A few counts, each of which stops at a thousand."""
        every, now = ClientCertificate.objects.all(), clock.now()
        active = every.filter(state=ClientState.ACTIVE)
        by_state = {state: every.filter(state=state) for state in ClientState.values}
        by_type = {kind: every.filter(certificate_type=kind) for kind in self._types()}
        shown: dict[str, Any] = {
            "by_state": self._counts(by_state),
            "by_certificate_type": self._counts(by_type),
            **self._counts(
                {
                    "expiring_in_7_days": active.expiring(now, timedelta(days=7)),
                    "expiring_in_30_days": active.expiring(now, timedelta(days=30)),
                    "needs_action": every.filter(notice_at__isnull=False),
                }
            ),
        }
        return Response(shown)

    def _types(self) -> list[str]:
        seen = policy.visible(self.actor, Profile.objects.all())
        types = seen.order_by("certificate_type").values_list("certificate_type", flat=True)
        return list(types.distinct())

    def _counts(self, asked: Mapping[str, models.QuerySet[Any]]) -> dict[str, int]:
        return {
            name: self.visible(rows).order_by().values("pk")[: MOST + 1].count()
            for name, rows in asked.items()
        }
