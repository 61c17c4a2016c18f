"""Rebuilds in the admin."""

from django.contrib import admin
from django.http import HttpRequest

from certmate.ui.base import EmptyState
from certmate.ui.facts import Fact, FactGroup
from storage import services
from storage.admin.working import CancelTool, WorkAdmin
from storage.models import StorageRebuild


class Cancel(CancelTool[StorageRebuild]):
    label = "Cancel rebuild"
    explanation = "No further bundle is adopted. What was adopted stays."

    def carry_out(self) -> StorageRebuild:
        return services.cancel_rebuild(actor=self.actor, rebuild=self.obj)

    def told(self) -> str:
        return "The rebuild is cancelled."


@admin.register(StorageRebuild)
class StorageRebuildAdmin(WorkAdmin[StorageRebuild]):
    nav_group, nav_order = "Storage", 4
    tools = (Cancel,)
    related = ("target",)
    counted = (("adopted", "Adopted"), ("known", "Known already"))

    list_display = ("named", "status", "progress", "target", "asked")

    def empty_state(self, request: HttpRequest) -> EmptyState:
        text = (
            "The page of a storage target has a button that adopts what is there and not in the "
            "database: after a lost database, or from CertMate 2.x."
        )
        return EmptyState("No rebuilds yet", text)

    def incomplete(self, work: StorageRebuild) -> str:
        return (
            "Some bundles were not adopted, for the reasons below. Mend these and rebuild again: "
            "what is known by now is not adopted twice."
        )

    def facts(self, request: HttpRequest, obj: StorageRebuild) -> list[FactGroup]:
        bundles = (
            Fact("Target", self.linked(request, obj.target)),
            Fact("Issuer where its own is not here", obj.issuer or "none"),
            Fact("Renewed", "all that was adopted" if obj.auto_renew else "what a ledger here has"),
        )
        return [FactGroup("Bundles", bundles), self.history(obj)]
