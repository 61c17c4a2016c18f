"""Migrations in the admin."""

from django.contrib import admin
from django.http import HttpRequest

from certmate.ui.base import EmptyState
from certmate.ui.facts import Fact, FactGroup
from storage import services
from storage.admin.working import CancelTool, WorkAdmin
from storage.models import StorageMigration


class Cancel(CancelTool[StorageMigration]):
    label = "Cancel migration"
    explanation = "No further bundle is copied. What is copied stays, and the source is as it was."

    def carry_out(self) -> StorageMigration:
        return services.cancel_migration(actor=self.actor, migration=self.obj)

    def told(self) -> str:
        return "The migration is cancelled."


@admin.register(StorageMigration)
class StorageMigrationAdmin(WorkAdmin[StorageMigration]):
    nav_group, nav_order = "Storage", 2
    tools = (Cancel,)
    related = ("source", "destination")
    counted = (("copied", "Copied and compared"),)

    list_display = ("named", "status", "progress", "source", "destination", "asked")

    def empty_state(self, request: HttpRequest) -> EmptyState:
        text = "The page of a storage target has a button that moves its bundles to another one."
        return EmptyState("No migrations yet", text)

    def incomplete(self, work: StorageMigration) -> str:
        return (
            f"{work.source} still holds what could not be copied. Mend it and migrate again: what "
            "is there already is not copied twice."
        )

    def facts(self, request: HttpRequest, obj: StorageMigration) -> list[FactGroup]:
        places = (
            Fact("From", self.linked(request, obj.source)),
            Fact("To", self.linked(request, obj.destination)),
            Fact("The source afterwards", "is emptied" if obj.cleans_up else "stays as it is"),
        )
        return [FactGroup("Bundles", places), self.history(obj)]
