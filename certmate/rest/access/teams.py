"""Teams, which own objects."""

from typing import Any

from rest_framework import serializers

from certmate.access import services
from certmate.access.models import Team
from certmate.rest import named
from certmate.rest.fields import Text, instant
from certmate.rest.serializers import Input, Output


class TeamInput(Input):
    name = Text(max_length=64)
    description = Text(max_length=200, allow_blank=True, default="")

    class Meta:
        ref_name = "TeamRequest"


class TeamOutput(Output):
    name = serializers.CharField()
    description = serializers.CharField()
    created_at = serializers.DateTimeField()

    class Meta:
        ref_name = "Team"

    def represent(self, instance: Team) -> dict[str, Any]:
        return {
            "name": instance.name,
            "description": instance.description,
            "created_at": instant(instance.created_at),
        }


class Teams(named.NamedCollection):
    tag = "teams"
    operations = named.collection("team", TeamOutput, TeamInput)
    representation = TeamOutput
    queryset = Team.objects.all()

    def create(self, values: dict[str, Any]) -> Team:
        return services.create_team(actor=self.actor, **values)


class TeamByName(named.NamedObject):
    tag = "teams"
    operations = named.single("team", TeamOutput, TeamInput)
    representation = TeamOutput
    queryset = Team.objects.all()
    fixed = ()

    def update(self, row: Team, values: dict[str, Any]) -> Team:
        return services.update_team(actor=self.actor, team=row, **values)

    def remove(self, row: Team) -> None:
        services.delete_team(actor=self.actor, team=row)
