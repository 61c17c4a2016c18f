"""Approval rules: what needs how many approvals of which role."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import models
from django.http import HttpRequest
from django.utils.text import capfirst

from certmate.access.actors import Actor
from certmate.access.models import ApprovalRule
from certmate.access.models.approvals import verb_choices
from certmate.access.services import approvals
from certmate.ui import instants
from certmate.ui.badges import Badge
from certmate.ui.base import EmptyState
from certmate.ui.facts import Fact, FactGroup
from certmate.ui.forms import ObjectForm, ServiceForm
from certmate.ui.objects import ServiceAdmin
from certmate.ui.tools import DeleteTool

MOST = 200
"""Objects of one kind that the form offers as a target; the API takes any."""

_HOUR = timedelta(hours=1)


class RuleForm(ServiceForm):
    """What a rule says; the same for a new one and for its settings."""

    verb = forms.ChoiceField()
    kind = forms.ChoiceField(
        required=False, help_text="Narrow it to one kind of object, or leave it to all."
    )
    target = forms.ChoiceField(
        required=False,
        help_text="Narrow it to what belongs to a team, an account or a target.",
    )
    role = forms.ModelChoiceField(
        Group.objects.none(),
        help_text="Its members decide, but nobody about a request of their own.",
    )
    required = forms.IntegerField(label="Approvals needed", min_value=1, max_value=100, initial=1)
    hours = forms.IntegerField(
        label="Valid for hours",
        min_value=1,
        max_value=365 * 24,
        initial=72,
        help_text="A request that nobody decides about expires; an approved one too.",
    )
    is_enabled = forms.BooleanField(label="Enabled", required=False, initial=True)
    renamed = {"valid_for": "hours", "target_kind": "target"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer("role", Group)
        verbs = {operation.verb for operation in approvals.OPERATIONS.values()}
        self._choices("verb", [pair for pair in verb_choices() if pair[0] in verbs])
        kinds = [(label, capfirst(_name(model))) for label, model in approvals.kinds().items()]
        self._choices("kind", [("", "All kinds"), *sorted(kinds)])
        self._choices("target", [("", "All objects"), *_targets(self.actor)])

    def values(self) -> dict[str, Any]:
        """The rule as the services take it."""
        data = self.cleaned_data
        target_kind, _, target = data["target"].partition(":")
        return {
            "verb": data["verb"],
            "kind": data["kind"],
            "target_kind": target_kind,
            "target": target,
            "role": data["role"].name,
            "required": data["required"],
            "valid_for": data["hours"] * _HOUR,
            "is_enabled": data["is_enabled"],
        }

    def _choices(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - For the type checker.
        field.choices = choices


class NewRuleForm(RuleForm):
    submit_label = "Add rule"
    name = forms.SlugField(max_length=64, help_text="Such as key-export-production.")
    field_order = ("name",)

    def carry_out(self) -> ApprovalRule:
        name = self.cleaned_data["name"]
        return approvals.create_rule(actor=self.actor, name=name, **self.values())


class RuleSettingsForm(RuleForm, ObjectForm[ApprovalRule]):
    fieldsets = (("Settings", "Requests that wait already keep what they were made under.", ()),)

    def __init__(self, *args: Any, obj: ApprovalRule, **kwargs: Any) -> None:
        now = approvals.describe(obj)
        target = f"{now['target_kind']}:{now['target']}" if now["target"] else ""
        hours = max(1, obj.valid_for // _HOUR)
        initial = {**now, "target": target, "role": obj.role_id, "hours": hours}
        super().__init__(*args, obj=obj, initial=initial, **kwargs)
        field: Any = self.fields["target"]
        if target and not any(target == key for _, group in field.choices[1:] for key, _ in group):
            field.choices = [*field.choices, (target, now["target"])]

    def carry_out(self) -> ApprovalRule:
        return approvals.update_rule(actor=self.actor, rule=self.obj, **self.values())


class DeleteRule(DeleteTool[ApprovalRule]):
    explanation = "Nothing asks for this approval any more. Requests that wait go on waiting."

    def carry_out(self) -> None:
        approvals.delete_rule(actor=self.actor, rule=self.obj)


@admin.register(ApprovalRule)
class RulePage(ServiceAdmin[ApprovalRule]):
    nav_group, nav_order = "Access", 6
    add_form_class, settings_form_class = NewRuleForm, RuleSettingsForm
    tools = (DeleteRule,)

    list_display = ("name", "verb", "about", "needs", "status")
    list_filter = ("is_enabled", "verb")
    list_select_related = ("role", "kind", "target_type")
    search_fields = ("name__startswith",)
    search_help_text = "Beginning of the name."

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[ApprovalRule]:
        return super().get_queryset(request).select_related("role", "kind", "target_type")

    def empty_state(self, request: HttpRequest) -> EmptyState:
        if not self.has_add_permission(request):
            return super().empty_state(request)
        text = "A rule holds back what one person alone should not do, until others approve of it."
        return EmptyState("No approval rules yet", text, self.url("add"), "Add a rule")

    @admin.display(description="About")
    def about(self, rule: ApprovalRule) -> str:
        kind = f"every {rule.kind.name}" if rule.kind else "everything"
        if rule.target_type is None:
            return kind
        return f"{kind} of {rule.target_type.name} {rule.target_repr}"

    @admin.display(description="Needs")
    def needs(self, rule: ApprovalRule) -> str:
        return f"{rule.required} of {rule.role}"

    @admin.display(description="State")
    def status(self, rule: ApprovalRule) -> Badge:
        return Badge("On", "good") if rule.is_enabled else Badge("Off", "warn")

    def badges(self, obj: ApprovalRule) -> Iterable[Badge]:
        yield self.status(obj)

    def facts(self, request: HttpRequest, obj: ApprovalRule) -> list[FactGroup]:
        rule = (
            Fact("To", obj.get_verb_display()),
            Fact("About", self.about(obj)),
            Fact("Needs", self.needs(obj)),
            Fact("Valid for", str(obj.valid_for)),
            Fact("Added", instants.absolute(obj.created_at)),
        )
        return [FactGroup("Approval rule", rule)]


def _targets(actor: Actor) -> list[tuple[str, list[tuple[str, str]]]]:
    """What rights are granted under, by kind."""
    found = []
    for label, model in approvals.containers().items():
        rows = approvals.known_targets(actor, model)[:MOST]
        choices = [(f"{label}:{name}", name) for name in rows]
        if choices:
            found.append((capfirst(_name(model)), choices))
    return found


def _name(model: type[models.Model]) -> str:
    return str(model._meta.verbose_name)
