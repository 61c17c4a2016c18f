"""Storage targets in the admin: it translates between people and `storage.services`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from certmate.access.verbs import Verb
from certmate.core import clock
from certmate.core.parameters import mask
from certmate.ui import instants
from certmate.ui.badges import Badge, row
from certmate.ui.base import admin_url
from certmate.ui.catalogue import CatalogueAdmin, Kind
from certmate.ui.facts import Fact, FactGroup
from certmate.ui.tools import DeleteTool, Tool
from storage.catalogue import CATALOGUE
from storage.forms import NewTargetForm, TargetSettingsForm
from storage.models import StorageMigration, StorageRebuild, StorageTarget
from storage.services import delete_target, migrate_target, rebuild_target, verify_target


class Verify(Tool[StorageTarget]):
    name, label, verb = "verify", "Verify", Verb.CHANGE
    is_direct = is_primary = True
    explanation = "Writes, reads and deletes something harmless."

    def carry_out(self) -> StorageTarget:
        return verify_target(actor=self.actor, target=self.obj)

    def told(self) -> str:
        return f"{self.obj.name} works: written, read and deleted."


class Migrate(Tool[StorageTarget]):
    name, label, verb = "migrate", "Migrate", Verb.CHANGE
    explanation = (
        "Copies all bundles to another target, in the background, reads each back, and then lets "
        "every certificate that names this target name that one."
    )
    submit_label = "Migrate"
    to = forms.ModelChoiceField(StorageTarget.objects.none(), label="To")
    clean_up = forms.BooleanField(
        label="Remove the bundles here when each was read back there", required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer("to", StorageTarget)

    def carry_out(self) -> StorageMigration:
        wish = self.cleaned_data
        self.migration = migrate_target(
            actor=self.actor, target=self.obj, to=wish["to"].name, clean_up=wish["clean_up"]
        )
        return self.migration

    def told(self) -> str:
        return f"{self.migration} is in the queue."

    def next_url(self) -> str:
        return admin_url(self.migration)


class Rebuild(Tool[StorageTarget]):
    name, label, verb = "rebuild", "Rebuild", Verb.CHANGE
    explanation = (
        "Adopts, in the background, what is here and not in the database: certificates after a "
        "lost database, and what CertMate 2.x has left. Each is adopted with your rights."
    )
    submit_label = "Rebuild"
    issuer = forms.CharField(
        required=False,
        max_length=64,
        label="Issuer where its own is not here",
        help_text="A CA account or an authority. Empty: such certificates are not adopted.",
    )
    auto_renew = forms.BooleanField(
        required=False,
        label="Renew what is adopted",
        help_text="Only if nobody but CertMate could write here: what is here decides which names "
        "are certified. Otherwise look at the certificates first, and turn renewal on for them.",
    )

    def carry_out(self) -> StorageRebuild:
        wish = self.cleaned_data
        self.rebuild = rebuild_target(
            actor=self.actor, target=self.obj, issuer=wish["issuer"], auto_renew=wish["auto_renew"]
        )
        return self.rebuild

    def told(self) -> str:
        return f"{self.rebuild} is in the queue."

    def next_url(self) -> str:
        return admin_url(self.rebuild)


class DeleteTarget(DeleteTool[StorageTarget]):
    explanation = "Only a storage target that holds nothing can be deleted."

    def carry_out(self) -> None:
        delete_target(actor=self.actor, target=self.obj)


@admin.register(StorageTarget)
class StorageTargetAdmin(CatalogueAdmin[StorageTarget]):
    nav_group, nav_order = "Storage", 1
    add_form_class, settings_form_class = NewTargetForm, TargetSettingsForm
    tools = (Verify, Migrate, Rebuild, DeleteTarget)
    choose_title = "Where shall the bundles be kept?"
    deferred = ("parameters",)

    list_display = ("name", "kind", "verified", "status")
    list_filter = ("backend",)
    search_fields = ("name__startswith",)
    search_help_text = "Beginning of the name."

    def kinds(self) -> Sequence[Kind]:
        return [Kind(spec.slug, spec.label, spec.help) for spec in CATALOGUE.values()]

    def form_for(
        self, slug: str, data: Mapping[str, Any] | None, request: HttpRequest
    ) -> NewTargetForm:
        return NewTargetForm(data, entry=CATALOGUE[slug], actor=self.actor(request))

    @admin.display(description="Kind", ordering="backend")
    def kind(self, target: StorageTarget) -> str:
        return target.get_backend_display()

    @admin.display(description="Verified", ordering="verified_at")
    def verified(self, target: StorageTarget) -> SafeString:
        return instants.relative(target.verified_at, clock.now())

    @admin.display(description="")
    def status(self, target: StorageTarget) -> SafeString:
        return row(*self.badges(target))

    def badges(self, obj: StorageTarget) -> Iterable[Badge]:
        if obj.is_default:
            yield Badge("Default", "info")
        if obj.verification_error:
            yield Badge("Failing", "bad", obj.verification_error)

    def notices(self, request: HttpRequest, obj: StorageTarget | None) -> Iterable[tuple[str, str]]:
        if obj is not None and obj.verification_error:
            yield "bad", f"The last verification failed: {obj.verification_error}"

    def facts(self, request: HttpRequest, obj: StorageTarget) -> list[FactGroup]:
        spec = CATALOGUE[obj.backend]
        shown = mask(spec.parameters, obj.parameters)
        verified = instants.relative(obj.verified_at, clock.now()) if obj.verified_at else "never"
        target = [
            Fact("Kind", spec.label),
            *(Fact(p.label, shown.get(p.name) or p.default) for p in spec.parameters),
            Fact("Verified", verified),
            Fact("Added", instants.absolute(obj.created_at)),
        ]
        return [FactGroup("Storage target", target)]
