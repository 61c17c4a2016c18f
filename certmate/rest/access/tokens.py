"""API tokens: made, listed, rotated, revoked. Only the answer that makes one has its text."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certmate.access import owners, policy, services
from certmate.access.models import ApiToken, Team
from certmate.access.services.tokens import LONGEST_OVERLAP
from certmate.access.verbs import Scope
from certmate.core import clock
from certmate.core.errors import AccessDenied, InvalidRequest, NotFound
from certmate.rest.fields import Flag, Text, WholeNumber, instant
from certmate.rest.filters import YesNoFilter
from certmate.rest.serializers import Input, Output
from certmate.rest.views import Endpoint, Operation
from certmate.signin import reauthentication

DAY = 24 * 60 * 60


class TokenInput(Input):
    name = Text(max_length=100, help_text="What uses it, such as deploy-pipeline.")
    owner = Text(
        max_length=150,
        default="",
        allow_blank=True,
        help_text="A user or service account; empty: the caller.",
    )
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=list(Scope)))
    expires_at = serializers.DateTimeField(
        allow_null=True, default=None, help_text="null: it does not expire."
    )
    teams = serializers.ListField(
        child=Text(max_length=64), default=list, help_text="Only what these own. Empty: no limit."
    )
    name_patterns = serializers.ListField(
        child=Text(max_length=255),
        default=list,
        help_text="Only certificates whose names all match: exact, or *.dev.example.com.",
    )
    networks = serializers.ListField(
        child=Text(max_length=60), default=list, help_text="Only calls from these networks (CIDR)."
    )
    is_agent = Flag(default=False, help_text="Automation uses it; the audit log tells so.")

    class Meta:
        ref_name = "TokenRequest"


class RotationInput(Input):
    overlap_seconds = WholeNumber(
        min_value=0,
        max_value=int(LONGEST_OVERLAP.total_seconds()),
        default=DAY,
        help_text="How long the old token still works.",
    )

    class Meta:
        ref_name = "TokenRotation"


class TokenOutput(Output):
    id = serializers.IntegerField()
    name = serializers.CharField()
    owner = serializers.CharField()
    hint = serializers.CharField(help_text="How the token starts.")
    scopes = serializers.ListField(child=serializers.CharField())
    teams = serializers.ListField(child=serializers.CharField())
    name_patterns = serializers.ListField(child=serializers.CharField())
    networks = serializers.ListField(child=serializers.CharField())
    is_agent = serializers.BooleanField()
    replaces = serializers.IntegerField(allow_null=True, help_text="The token that it succeeds.")
    replaced_by = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="To the minute.")
    revoked_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        ref_name = "Token"

    def represent(self, instance: ApiToken) -> dict[str, Any]:
        successor = getattr(instance, "replacement", None)
        return {
            "id": instance.pk,
            "name": instance.name,
            "owner": instance.owner.get_username(),
            "hint": instance.hint,
            "scopes": instance.scopes,
            "teams": sorted(team.name for team in instance.teams.all()),
            "name_patterns": instance.name_patterns,
            "networks": instance.networks,
            "is_agent": instance.is_agent,
            "replaces": instance.replaces_id,
            "replaced_by": successor.pk if successor else None,
            "created_at": instant(instance.created_at),
            "expires_at": instant(instance.expires_at),
            "last_used_at": instant(instance.last_used_at),
            "revoked_at": instant(instance.revoked_at),
        }


class MadeTokenOutput(TokenOutput):
    token = serializers.CharField(help_text="The token itself, here and never again.")

    class Meta:
        ref_name = "MadeToken"


class TokenFilter(filters.FilterSet):  # type: ignore[misc]
    owner = filters.CharFilter(field_name="owner__username")
    is_agent = YesNoFilter()
    is_usable = YesNoFilter(method="filter_usable", label="Neither expired nor revoked.")

    def filter_usable(self, rows: Any, name: str, value: bool) -> Any:
        usable = ApiToken.objects.usable(clock.now()).values("pk")
        return rows.filter(pk__in=usable) if value else rows.exclude(pk__in=usable)


class TokenEndpoint(Endpoint):
    tag = "tokens"

    def get_queryset(self) -> QuerySet[ApiToken]:
        rows = ApiToken.objects.select_related("owner", "replacement").prefetch_related("teams")
        return rows.defer("digest")

    def token(self, pk: int) -> ApiToken:
        """The token, if the actor may see it; each may see itself."""
        is_own = self.actor.token is not None and self.actor.token.pk == pk
        if not is_own and not self.actor.has_scope(Scope.ADMIN):
            raise AccessDenied(f"This token lacks the scope {Scope.ADMIN}.", code="access.scope")
        found = owners.visible(self.actor, self.get_queryset()).filter(pk=pk).first()
        if found is None:
            raise NotFound("There is no such API token.")
        return found

    def require_proof(self, request: Request) -> None:
        """AccessDenied for a session that has not just proved who it is: a token outlives it."""
        is_token = isinstance(request.auth, ApiToken)
        if not is_token and not reauthentication.is_fresh(request._request):
            raise AccessDenied(
                "A session alone makes no token: use a token, or confirm at /account/confirm/ who "
                "you are.",
                code="access.session",
            )

    def made(self, request: Request, made: tuple[ApiToken, str]) -> Response:
        """The only answer that has the token's text."""
        token, plaintext = made
        location = request.build_absolute_uri(f"/api/tokens/{token.pk}")
        shown = TokenOutput().represent(token) | {"token": plaintext}
        return Response(shown, 201, headers={"Location": location, "Cache-Control": "no-store"})


class Tokens(TokenEndpoint):
    operations = {
        "GET": Operation("list_tokens", {200: TokenOutput(many=True)}),
        "POST": Operation("create_token", {201: MadeTokenOutput}, TokenInput),
    }
    orderings = {"created_at": "id"}
    default_ordering = "-created_at"
    filterset_class = TokenFilter

    def get(self, request: Request) -> Response:
        """One page of the caller's tokens and of those that he may administer, newest first."""
        if not self.actor.has_scope(Scope.ADMIN):
            raise AccessDenied(f"This token lacks the scope {Scope.ADMIN}.", code="access.scope")
        return self.page(owners.visible(self.actor, self.get_queryset()), TokenOutput())

    def post(self, request: Request) -> Response:
        """Make a token. Its text is in this answer and nowhere else."""
        services.require_may_make(self.actor)  # Ahead of the body: nobody learns it by trial.
        self.require_proof(request)
        values = self.input(request)
        owner = self._owner(values.pop("owner"))
        values["teams"] = self._teams(values["teams"])
        return self.made(request, services.create_token(actor=self.actor, owner=owner, **values))

    def _owner(self, name: str) -> User:
        user = self.actor.user
        if user is not None and name in ("", user.get_username()):
            return user
        # A user whom the caller may not make tokens for is told of like one who does not exist.
        found = User.objects.filter(username=name).first()
        if found is None or not owners.acts_for(self.actor, found):
            raise InvalidRequest(
                "There is no such user or service account that you may act for.",
                code="token.owner",
                field="owner",
            )
        return found

    def _teams(self, names: list[str]) -> list[Team]:
        seen = policy.visible(self.actor, Team.objects.all())
        found = {team.name: team for team in seen.filter(name__in=names)}
        for name in names:
            if name not in found:
                raise InvalidRequest(
                    f"There is no team {name!r} that you may see.",
                    code="team.unknown",
                    field="teams",
                )
        return list(found.values())


class TokenById(TokenEndpoint):
    operations = {
        "GET": Operation("get_token", {200: TokenOutput}),
        "DELETE": Operation("revoke_token", {204: None}),
    }

    def get(self, request: Request, pk: int) -> Response:
        """The token's limits and use."""
        return Response(TokenOutput().represent(self.token(pk)))

    def delete(self, request: Request, pk: int) -> Response:
        """Revoke it: from now on it is refused. Any token may revoke itself."""
        services.revoke_token(actor=self.actor, token=self.token(pk))
        return Response(status=204)


class RotateToken(TokenEndpoint):
    operations = {"POST": Operation("rotate_token", {201: MadeTokenOutput}, RotationInput)}

    def post(self, request: Request, pk: int) -> Response:
        """Make a successor with the same limits; the old token works on for the overlap."""
        token = self.token(pk)
        self.require_proof(request)
        overlap = timedelta(seconds=self.input(request)["overlap_seconds"])
        made = services.rotate_token(actor=self.actor, token=token, overlap=overlap)
        return self.made(request, made)
