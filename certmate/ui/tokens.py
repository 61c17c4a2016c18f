"""API tokens: made, shown once, rotated, revoked. No session, cookie or log sees one."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from certmate.access import owners, policy, services
from certmate.access.models import ApiToken, Team
from certmate.access.verbs import Scope, Verb
from certmate.core import clock, rates
from certmate.core.errors import AccessDenied
from certmate.ui import instants, panels
from certmate.ui.badges import Badge, row
from certmate.ui.base import EmptyState
from certmate.ui.facts import Fact, FactGroup, lines
from certmate.ui.filters import ChoiceFilter, VisibleRelatedFilter
from certmate.ui.forms import NamesField, PasswordAgain, ServiceForm
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
    fieldsets = (
        ("Token", "", ("owner", "name", "scopes", "expires_at", "is_agent")),
        (
            "Limits",
            "Left empty, the token reaches as far as its owner.",
            ("teams", "name_patterns", "networks"),
        ),
        ("Confirm", "", ("password",)),
    )
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
    is_agent = forms.BooleanField(
        label="Automation uses it",
        required=False,
        help_text="The audit log then tells its calls from those of a person.",
    )
    teams = forms.ModelMultipleChoiceField(
        Team.objects.none(),
        required=False,
        help_text="Only what these teams own. Ctrl picks several.",
    )
    name_patterns = NamesField(
        label="Only certificates",
        required=False,
        help_text="Only certificates whose names all match, one a line: www.example.com, or "
        "*.dev.example.com for every name below.",
    )
    networks = NamesField(
        label="Source networks",
        required=False,
        help_text="Only calls from there, one a line: 192.0.2.0/24, 2001:db8::/32.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offer("teams", Team)
        owner = self.fields["owner"]
        assert isinstance(owner, forms.ModelChoiceField)  # noqa: S101 - For the type checker.
        owner.queryset = owners.whom(self.actor)
        owner.initial = self.actor.user.pk if self.actor.user else None

    def carry_out(self) -> tuple[ApiToken, str]:
        wanted = {name: value for name, value in self.cleaned_data.items() if name != "password"}
        return services.create_token(actor=self.actor, **wanted)


class Rotate(PasswordAgain, Tool[ApiToken]):
    name, label, verb = "rotate", "Rotate", Verb.CHANGE
    explanation = "A successor with the same limits is made. It is shown once."
    overlap = forms.TypedChoiceField(
        label="The old token works on for",
        coerce=int,
        choices=[(0, "no time"), (1, "1 hour"), (24, "1 day"), (168, "7 days"), (720, "30 days")],
        initial=24,
    )
    field_order = ("overlap", "password")

    @classmethod
    def offered(cls, obj: models.Model) -> bool:
        if not isinstance(obj, ApiToken) or not obj.is_usable(clock.now()):
            return False
        return not ApiToken.objects.filter(replaces=obj).exists()

    def carry_out(self) -> tuple[ApiToken, str]:
        overlap = timedelta(hours=self.cleaned_data["overlap"])
        return services.rotate_token(actor=self.actor, token=self.obj, overlap=overlap)


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


class StateFilter(ChoiceFilter):
    title, parameter_name = "state", "state"
    options = {"active": "Active", "ended": "Expired or revoked"}

    def narrow(self, queryset: Any, value: str) -> Any:
        usable = ApiToken.objects.usable(clock.now()).values("pk")
        ended = queryset.exclude(pk__in=usable)
        return queryset.filter(pk__in=usable) if value == "active" else ended


class OwnerFilter(VisibleRelatedFilter):
    """The owners of the tokens that the user may see."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        held = model_admin.get_queryset(request).order_by().values("owner")
        found = User.objects.filter(pk__in=held).order_by("username")
        return list(found.values_list("pk", "username")[: panels.MOST])


@admin.register(ApiToken)
class TokenPage(ServiceAdmin[ApiToken]):
    nav_group, nav_order = "Access", 1
    add_form_class = NewTokenForm
    tools = (Rotate, Revoke)
    deferred = ("digest",)

    list_display = ("name", "starts_with", "owner", "may_do", "used", "expires", "status")
    list_filter = (StateFilter, ("owner", OwnerFilter), "is_agent")
    list_select_related = ("owner",)
    search_fields = ("name__startswith", "hint__exact", "owner__username__exact")
    search_help_text = "Beginning of the name, the first characters of the token, or the owner."
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[ApiToken]:
        rows = admin.ModelAdmin.get_queryset(self, request)
        return owners.visible(self.actor(request), rows).select_related("owner")

    def may(self, request: HttpRequest, verb: Verb, obj: models.Model | None = None) -> bool:
        actor = self.actor(request)
        if isinstance(obj, ApiToken):
            return owners.allowed(actor, verb, obj)
        return policy.possible(actor, verb, ApiToken) or owners.administers_any(actor)

    def has_add_permission(self, request: HttpRequest) -> bool:
        try:
            services.require_may_make(self.actor(request))
        except AccessDenied:
            return False
        return True

    def empty_state(self, request: HttpRequest) -> EmptyState:
        if not self.has_add_permission(request):
            return super().empty_state(request)
        text = "Scripts and platforms use the API with tokens instead of passwords."
        return EmptyState("No API tokens yet", text, self.url("add"), "Make a token")

    def add_form(self, request: HttpRequest, data: Any) -> ServiceForm:
        asked = {name: request.GET[name] for name in ("owner",) if name in request.GET}
        return NewTokenForm(data, actor=self.actor(request), initial=asked)

    def added(self, request: HttpRequest, result: Any) -> HttpResponse:
        """The answer to the form shows the token: a redirect would have to keep it somewhere."""
        token, plaintext = result
        context = {"title": "The token is made", "original": token, "plaintext": plaintext}
        return self.page(request, "certmate/token_made.html", **context)

    def buttons(self, request: HttpRequest, obj: ApiToken) -> list[dict[str, Any]]:
        """Without rotation for who may end the token but not have one in its owner's name."""
        is_trusted = owners.acts_for(self.actor(request), obj.owner)
        found = super().buttons(request, obj)
        return [button for button in found if is_trusted or button["tool"] is not Rotate]

    def _done(self, request: HttpRequest, form: Tool[Any], back: str) -> HttpResponse:
        if isinstance(form, Rotate):
            return self.added(request, form.result)
        return super()._done(request, form, back)

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
        elif not obj.owner.is_active:
            yield Badge("Owner inactive", "bad", "The token is refused.")
        else:
            yield Badge("Active", "good")
        if obj.is_agent:
            yield Badge("Automation", "info")

    def facts(self, request: HttpRequest, obj: ApiToken) -> list[FactGroup]:
        token = (
            Fact("Starts with", self.starts_with(obj)),
            Fact("Owner", self.linked(request, obj.owner)),
            Fact("Scopes", self.may_do(obj)),
            Fact("Made", instants.absolute(obj.created_at)),
            Fact("Last used", instants.absolute(obj.last_used_at)),
            Fact("Expires", instants.absolute(obj.expires_at) if obj.expires_at else "never"),
            Fact("Revoked", instants.absolute(obj.revoked_at)),
            *self._chain(obj),
        )
        teams = sorted(team.name for team in obj.teams.all())
        limits = (
            Fact("Teams", lines(teams) if teams else "as its owner"),
            Fact("Names", lines(obj.name_patterns) if obj.name_patterns else "as its owner"),
            Fact("Networks", lines(obj.networks) if obj.networks else "from everywhere"),
        )
        return [FactGroup("Token", token), FactGroup("Limits", limits)]

    def _chain(self, token: ApiToken) -> Iterable[Fact]:
        successor = ApiToken.objects.filter(replaces=token).first()
        for label, other in (("Successor of", token.replaces), ("Replaced by", successor)):
            if other is not None:
                url = self.url("change", other)
                yield Fact(label, format_html('<a href="{}">{}</a>', url, other))


def _hints(request: HttpRequest) -> Iterable[panels.Hint]:
    """That limits are counted apart, told to who can do something about it."""
    since = rates.lost_since()
    if since is not None and getattr(request.user, "is_superuser", False):
        text = (
            f"Since {instants.absolute(since)} each web process counts calls for itself: "
            "the server of CERTMATE_THROTTLE_URL does not answer."
        )
        yield panels.Hint(text, "/ready", "What is up")


panels.register(hints=_hints)
