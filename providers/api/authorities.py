"""Private authorities: made, imported, certified, rotated, published. Each call is one service."""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

from django.db import models
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from certmate.access import policy
from certmate.access.verbs import Verb
from certmate.core.errors import InvalidRequest, NotFound
from certmate.pki.inspect import pem_blocks
from certmate.rest.pagination import invalid_parameter
from certmate.rest.serializers import Input
from certmate.rest.views import Endpoint, Operation, query
from providers import services
from providers.api.authority_inputs import (
    AuthorityChanges,
    AuthorityInput,
    ImportInput,
    InstallInput,
    IntermediateInput,
    PublishInput,
    RotationInput,
    with_constraints,
)
from providers.api.authority_outputs import AuthorityOutput, CRLOutput
from providers.api.filters import AuthorityFilter
from providers.choices import AuthorityKind, KeyState
from providers.models import Authority, AuthorityKey
from providers.services.signing import above, judged

PEM, DER = "application/x-pem-file", "application/pkix-cert"

_MADE: dict[Any, Any] = {201: AuthorityOutput}
_SIGNED = (422,)


def shown() -> models.QuerySet[Authority]:
    """Authorities with all that is shown of them, and no private key."""
    keys = AuthorityKey.objects.select_related("authority").defer("private_key", "csr")
    return Authority.objects.select_related("team", "parent").prefetch_related(
        models.Prefetch("keys", judged(keys).order_by("-number"))
    )


class AuthorityEndpoint(Endpoint):
    tag = "authorities"

    def get_queryset(self) -> models.QuerySet[Authority]:
        return Authority.objects.select_related("team", "parent")

    def answer(self, authority: Authority, status: int = 200) -> Response:
        """The authority as it is by now."""
        row = shown().get(pk=authority.pk)
        headers = {}
        if status == 201:
            root = self.request.build_absolute_uri("/api/authorities/")
            headers["Location"] = f"{root}{quote(row.name)}"
        return Response(AuthorityOutput().represent(row), status, headers=headers)


class Authorities(AuthorityEndpoint):
    operations = {
        "GET": Operation("list_authorities", {200: AuthorityOutput(many=True)}),
        "POST": Operation("create_authority", _MADE, AuthorityInput, fails=_SIGNED),
    }
    orderings: ClassVar[Mapping[str, str]] = {"name": "name"}
    search_fields = ("name",)
    filterset_class = AuthorityFilter

    def get(self, request: Request) -> Response:
        """One page, by name."""
        return self.page(self.visible(shown()), AuthorityOutput())

    def post(self, request: Request) -> Response:
        """Make one with its key. An intermediate without a parent waits with its CSR."""
        policy.require_possible(self.actor, Verb.REQUEST, Authority)
        values = with_constraints(self.input(request))
        return self.answer(services.create_authority(actor=self.actor, **values), 201)


class ImportAuthority(AuthorityEndpoint):
    operations = {"POST": Operation("import_authority", _MADE, ImportInput)}

    def post(self, request: Request) -> Response:
        """Take over a CA with its key. What it has signed before is not in the ledger."""
        policy.require_possible(self.actor, Verb.REQUEST, Authority)
        values = self.input(request)
        return self.answer(services.import_authority(actor=self.actor, **values), 201)


class AuthorityByName(AuthorityEndpoint):
    operations = {
        "GET": Operation("get_authority", {200: AuthorityOutput}),
        "PATCH": Operation("update_authority", {200: AuthorityOutput}, AuthorityChanges),
        "DELETE": Operation("delete_authority", {204: None}),
    }

    def get(self, request: Request, name: str) -> Response:
        """The authority with its keys."""
        return Response(AuthorityOutput().represent(self.find(shown(), name=name)))

    def patch(self, request: Request, name: str) -> Response:
        """Change what is given."""
        authority = self.find(self.get_queryset(), Verb.CHANGE, name=name)
        values = self.input(request, partial=True)
        services.update_authority(actor=self.actor, authority=authority, **values)
        return self.answer(authority)

    def delete(self, request: Request, name: str) -> Response:
        """Forget one that has signed nothing; a conflict otherwise."""
        authority = self.find(self.get_queryset(), Verb.DELETE, name=name)
        services.delete_authority(actor=self.actor, authority=authority)
        return Response(status=204)


class AuthorityCall(AuthorityEndpoint):
    """A call about one authority that answers with an authority."""

    verb: ClassVar[Verb] = Verb.SIGN
    done: ClassVar[int] = 200

    def post(self, request: Request, name: str) -> Response:
        authority = self.find(self.get_queryset(), self.verb, name=name)
        return self.answer(self.carry_out(authority, self.input(request)), self.done)

    def carry_out(self, authority: Authority, values: dict[str, Any]) -> Authority:
        """Call the service."""
        raise NotImplementedError


def calling(name: str, request: type[Input], responses: dict[Any, Any]) -> dict[str, Operation]:
    """The operation of such a call."""
    return {"POST": Operation(name, responses, request, fails=_SIGNED)}


class CreateIntermediate(AuthorityCall):
    """Make an intermediate that this authority signs."""

    operations = calling("create_intermediate", IntermediateInput, _MADE)
    done = 201
    renamed: ClassVar[Mapping[str, str]] = {
        "parent_passphrase": "passphrase",
        "passphrase": "child_passphrase",
    }
    """The service's name of a field, and the one that it has here."""

    def carry_out(self, authority: Authority, values: dict[str, Any]) -> Authority:
        secrets = {name: values.pop(here) for name, here in self.renamed.items()}
        try:
            return services.create_authority(
                actor=self.actor,
                kind=AuthorityKind.INTERMEDIATE,
                parent=authority.name,
                **secrets,
                **with_constraints(values),
            )
        except InvalidRequest as error:
            field = self.renamed.get(error.field, error.field)
            raise InvalidRequest(error.detail, code=error.code, field=field) from error


class RotateAuthority(AuthorityCall):
    """Make a new key that signs from now on; what the old one has signed stays trusted."""

    operations = calling("rotate_authority", RotationInput, {200: AuthorityOutput})

    def carry_out(self, authority: Authority, values: dict[str, Any]) -> Authority:
        key = services.rotate_authority(actor=self.actor, authority=authority, **values)
        return key.authority


class AuthorityCertificate(AuthorityEndpoint):
    operations = {
        "GET": Operation(
            "get_authority_certificate",
            {(200, PEM): OpenApiTypes.STR, (200, DER): OpenApiTypes.BINARY},
            parameters=(query("format", "Of the file.", enum=("pem", "der"), default="pem"),),
        ),
        "PUT": Operation("install_authority_certificate", {200: AuthorityOutput}, InstallInput),
    }

    def get(self, request: Request, name: str) -> HttpResponse:
        """The certificate of the key that signs now."""
        authority = self.find(self.get_queryset(), name=name)
        form = request.query_params.get("format", "pem")
        if form not in ("pem", "der"):
            raise invalid_parameter("format", "One of pem, der.")
        key = signing_key(authority)
        if form == "der":
            return _file(authority, pem_blocks(key.cert)[0][1], DER, ".cer")
        return _file(authority, key.cert.encode(), PEM, ".pem")

    def put(self, request: Request, name: str) -> Response:
        """Bring the certificate of an outside CA for the key that waits."""
        authority = self.find(self.get_queryset(), Verb.CHANGE, name=name)
        values = self.input(request)
        services.install_certificate(actor=self.actor, authority=authority, **values)
        return self.answer(authority)


class AuthorityChain(AuthorityEndpoint):
    operations = {"GET": Operation("get_authority_chain", {(200, PEM): OpenApiTypes.STR})}

    def get(self, request: Request, name: str) -> HttpResponse:
        """Its own certificate and those of all CAs above it, the root last."""
        authority = self.find(self.get_queryset(), name=name)
        key = signing_key(authority)
        return _file(authority, "".join([key.cert, *above(key)]).encode(), PEM, "-chain.pem")


class AuthorityCSR(AuthorityEndpoint):
    operations = {"GET": Operation("get_authority_csr", {(200, PEM): OpenApiTypes.STR})}

    def get(self, request: Request, name: str) -> HttpResponse:
        """The request of the key that waits for an outside CA."""
        authority = self.find(self.get_queryset(), name=name)
        key = authority.keys.filter(state=KeyState.WAITING).exclude(csr="").first()
        if key is None:
            raise NotFound("No key waits for a certificate.")
        return _file(authority, key.csr.encode(), PEM, ".csr")


class PublishCRLs(AuthorityEndpoint):
    operations = {
        "POST": Operation("publish_crls", {200: CRLOutput(many=True)}, PublishInput, fails=_SIGNED)
    }
    pagination_class = None

    def post(self, request: Request, name: str) -> Response:
        """Make all of its CRLs now, those of earlier keys included."""
        authority = self.find(self.get_queryset(), Verb.SIGN, name=name)
        made = services.publish_crls(actor=self.actor, authority=authority, **self.input(request))
        return Response([CRLOutput().represent(crl) for crl in made])


def signing_key(authority: Authority) -> AuthorityKey:
    """The key that signs now; NotFound while the authority waits for its first certificate."""
    keys = authority.keys.filter(state=KeyState.ACTIVE)
    key = keys.select_related("issuer_key__issuer_key").first()
    if key is None:
        raise NotFound("The authority has no certificate yet.")
    return key


def _file(authority: Authority, content: bytes, media_type: str, suffix: str) -> HttpResponse:
    # The names of authorities are safe as file names.
    return HttpResponse(
        content,
        content_type=media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{authority.name}{suffix}"',
            "X-Content-Type-Options": "nosniff",
        },
    )
