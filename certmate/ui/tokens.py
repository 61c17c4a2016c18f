"""API tokens: made here, shown once, revoked here. No session, cookie or log sees one."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from certmate.access import services
from certmate.access.models import ApiToken
from certmate.access.verbs import Scope, Verb
from certmate.core import clock
from certmate.ui import instants
from certmate.ui.badges import Badge, row
from certmate.ui.base import EmptyState
from certmate.ui.facts import Fact, FactGroup
from certmate.ui.forms import PasswordAgain, ServiceForm
from certmate.ui.objects import ServiceAdmin
from certmate.ui.tools import Tool

_SCOPES = {
    Scope.READ: "read: look at certificates, orders and accounts",
    Scope.OPERATE: "operate: read, and issue, renew, revoke, export keys",
    Scope.ADMIN: "admin: everything, accounts and deletion included",
    Scope.AUDIT: "audit: read the audit log",
}


class NewTokenForm(PasswordAgain, ServiceForm):
    submit_label = "Make token"
    owner = forms.ModelChoiceField(
        User.objects.none(), help_text="The token may do what its owner may do, within its scopes."
    )
    name = forms.CharField(max_length=100, help_text="What uses it, such as deploy-pipeline.")
    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, label) for scope, label in _SCOPES.items()],
        widget=forms.CheckboxSelectMultiple,
        initial=[Scope.READ.value],
    )
    expires_at = forms.DateTimeField(
        label="Expires",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text="In UTC. Empty: never.",
    )

    field_order = ("owner", "name", "scopes", "expires_at", "password")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        owner = self.fields["owner"]
        assert isinstance(owner, forms.ModelChoiceField)  # noqa: S101 - For the type checker.
        user = self.actor.user
        everybody = user is not None and user.is_superuser
        people = User.objects.filter(is_active=True).order_by("username")
        owner.queryset = people if everybody else people.filter(pk=user.pk or 0 if user else 0)
        owner.initial = user.pk if user else None

    def carry_out(self) -> tuple[ApiToken, str]:
        wanted = {name: value for name, value in self.cleaned_data.items() if name != "password"}
        return services.create_token(actor=self.actor, **wanted)


class Revoke(Tool[ApiToken]):
    name, label, verb, is_dangerous = "revoke", "Revoke", Verb.CHANGE, True
    explanation = "Whatever uses the token is refused from now on. This cannot be undone."

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        return isinstance(obj, ApiToken) and obj.revoked_at is None

    def carry_out(self) -> None:
        services.revoke_token(actor=self.actor, token=self.obj)

    def told(self) -> str:
        return f"{self.obj.name} is revoked."


@admin.register(ApiToken)
class TokenPage(ServiceAdmin[ApiToken]):
    nav_group, nav_order = "Access", 1
    add_form_class = NewTokenForm
    tools = (Revoke,)
    deferred = ("digest",)

    list_display = ("name", "starts_with", "owner", "may_do", "used", "expires", "status")
    list_select_related = ("owner",)
    search_fields = ("name__startswith", "hint__exact")
    search_help_text = "Beginning of the name, or the first characters of the token."
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[ApiToken]:
        return super().get_queryset(request).select_related("owner")

    def empty_state(self, request: HttpRequest) -> EmptyState:
        if not self.has_add_permission(request):
            return super().empty_state(request)
        text = "Scripts and platforms use the API with tokens instead of passwords."
        return EmptyState("No API tokens yet", text, self.url("add"), "Make a token")

    def added(self, request: HttpRequest, result: Any) -> HttpResponse:
        """The answer to the form shows the token: a redirect would have to keep it somewhere."""
        token, plaintext = result
        context = {"title": "The token is made", "original": token, "plaintext": plaintext}
        return self.page(request, "certmate/token_made.html", **context)

    @admin.display(description="Starts with")
    def starts_with(self, token: ApiToken) -> SafeString:
        return format_html("<code>{}…</code>", token.hint)

    @admin.display(description="Scopes")
    def may_do(self, token: ApiToken) -> SafeString:
        return row(*(Badge(scope, "mute") for scope in token.scopes))

    @admin.display(description="Last used", ordering="last_used_at")
    def used(self, token: ApiToken) -> SafeString:
        return instants.relative(token.last_used_at, clock.now())

    @admin.display(description="Expires", ordering="expires_at")
    def expires(self, token: ApiToken) -> SafeString:
        return instants.relative(token.expires_at, clock.now())

    @admin.display(description="State")
    def status(self, token: ApiToken) -> SafeString:
        return row(*self.badges(token))

    def badges(self, obj: ApiToken) -> Iterable[Badge]:
        if obj.revoked_at is not None:
            yield Badge("Revoked", "bad", instants.absolute(obj.revoked_at))
        elif obj.expires_at is not None and obj.expires_at <= clock.now():
            yield Badge("Expired", "mute")
        else:
            yield Badge("Active", "good")

    def facts(self, request: HttpRequest, obj: ApiToken) -> list[FactGroup]:
        return [
            FactGroup(
                "Token",
                (
                    Fact("Starts with", self.starts_with(obj)),
                    Fact("Owner", self.linked(request, obj.owner)),
                    Fact("Scopes", self.may_do(obj)),
                    Fact("Made", instants.absolute(obj.created_at)),
                    Fact("Last used", instants.absolute(obj.last_used_at)),
                    Fact(
                        "Expires", instants.absolute(obj.expires_at) if obj.expires_at else "never"
                    ),
                    Fact("Revoked", instants.absolute(obj.revoked_at)),
                ),
            )
        ]
