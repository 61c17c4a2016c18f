"""Client certificates: asked for, uploaded, shown, changed, deleted. Each call is one service."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import models
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from certmate.access import policy
from certmate.access.models import Team
from certmate.access.verbs import Verb
from certmate.rest.serializers import Input, Nothing
from certmate.rest.views import Endpoint, Operation, flag, query
from clients import services
from clients.api.filters import ClientCertificateFilter
from clients.api.inputs import (
    ClientCertificateInput,
    KeepingInput,
    RenewInput,
    RevokeInput,
    upload_of,
    wish_of,
    with_csr,
)
from clients.api.outputs import (
    ClientCertificateDetailOutput,
    ClientCertificateOutput,
    ClientVersionOutput,
    certificate_url,
    enrolment_url,
)
from clients.choices import EnrolmentState
from clients.models import ClientCertificate, ClientVersion, Enrolment, Identity
from providers.models import Authority, Profile
from storage.models import StorageTarget

SHOWN = (
    *("identifier", "common_name", "certificate_type", "method", "state", "subject", "alt_names"),
    *("key_type", "validity_days", "auto_renew", "renewal_days", "renew_at", "notice_at"),
    *("renewal_error", "expires_at", "tags", "created_at", "updated_at"),
    *("identity_id", "authority_id", "profile_id", "storage_target_id", "team_id"),
    *("current_version__number", "current_version__serial", "current_version__fingerprint"),
    *("current_version__not_before", "current_version__not_after"),
    "current_version__has_private_key",
)
"""What a list shows, so that no PEM and no notes are read for it."""

RELATED = ("authority", "profile", "identity", "storage_target", "team")
ANSWERED: Mapping[Any, Any] = {
    201: ClientCertificateDetailOutput,
    202: ClientCertificateDetailOutput,
}


def listed() -> models.QuerySet[ClientCertificate]:
    """Client certificates as a list shows them; what many of them share is read once a page."""
    return (
        ClientCertificate.objects.select_related("current_version")
        .only(*SHOWN)
        .prefetch_related(
            models.Prefetch("authority", Authority.objects.only("name")),
            models.Prefetch("profile", Profile.objects.only("name")),
            models.Prefetch("identity", Identity.objects.only("name")),
            models.Prefetch("storage_target", StorageTarget.objects.only("name")),
            models.Prefetch("team", Team.objects.only("name")),
        )
    )


def single() -> models.QuerySet[ClientCertificate]:
    """One client certificate with what its services need."""
    return ClientCertificate.objects.select_related(
        *RELATED, "current_version__entry", "current_version__storage_target"
    )


class ClientEndpoint(Endpoint):
    tag = "client-certificates"

    def get_queryset(self) -> models.QuerySet[ClientCertificate]:
        return single()

    def found(self, name: str, verb: Verb = Verb.VIEW) -> ClientCertificate:
        """The one of that identifier, in whichever letters."""
        row: ClientCertificate = self.find(self.get_queryset(), verb, identifier=name.lower())
        return row

    def shown(self, certificate: ClientCertificate, status: int = 200) -> Response:
        """The certificate as it is by now."""
        row = single().get(pk=certificate.pk)
        waiting = Enrolment.objects.filter(certificate=row, state=EnrolmentState.PENDING)
        waiting = waiting.select_related(
            *("authority", "team", "requested_by", "requested_token", "decided_by")
        )
        enrolment = policy.visible(self.actor, waiting.defer("csr", "wish")).first()
        return self._answer(row, enrolment, status)

    def made(self, certificate: ClientCertificate) -> Response:
        """A new certificate as it was made: nobody can have asked for anything of it meanwhile."""
        return self._answer(certificate, None, 201)

    def _answer(
        self, certificate: ClientCertificate, enrolment: Enrolment | None, status: int
    ) -> Response:
        context = {"request": self.request, "enrolment": enrolment}
        headers = {}
        if status == 201:
            headers["Location"] = certificate_url(self.request, certificate.identifier)
        elif status == 202 and enrolment is not None:
            headers["Location"] = enrolment_url(self.request, enrolment)
        output = ClientCertificateDetailOutput(context=context)
        return Response(output.represent(certificate), status, headers=headers)


class ClientCertificates(ClientEndpoint):
    operations = {
        "GET": Operation("list_client_certificates", {200: ClientCertificateOutput(many=True)}),
        "POST": Operation(
            "create_client_certificate",
            ANSWERED,
            ClientCertificateInput,
            fails=(422,),
            may_wait=True,
        ),
    }
    orderings: ClassVar[Mapping[str, str]] = {
        "identifier": "identifier",
        "expires_at": "expires_at",
        "created_at": "id",
    }
    search_fields = ("identifier", "=versions__fingerprint", "=versions__serial")
    filterset_class = ClientCertificateFilter

    def get(self, request: Request) -> Response:
        """One page of the client certificates that the caller may see."""
        return self.page(self.visible(listed()), ClientCertificateOutput())

    def post(self, request: Request) -> Response:
        """Have one issued: 201; where its profile wants approval, 202 with the enrolment. With
        `certificate`, keep one that another CA has issued.
        """
        policy.require_possible(self.actor, Verb.REQUEST, ClientCertificate)
        values = self.input(request)
        if "certificate" in values:
            kept = services.upload_client_certificate(actor=self.actor, **upload_of(values))
            return self.made(kept)
        certificate, enrolment = services.request_client_certificate(
            actor=self.actor, wish=wish_of(values)
        )
        return self.shown(certificate, 202) if enrolment else self.made(certificate)


class ClientCertificateByIdentifier(ClientEndpoint):
    operations = {
        "GET": Operation("get_client_certificate", {200: ClientCertificateDetailOutput}),
        "PUT": Operation(
            "replace_client_certificate", {200: ClientCertificateDetailOutput}, KeepingInput
        ),
        "PATCH": Operation(
            "update_client_certificate", {200: ClientCertificateDetailOutput}, KeepingInput
        ),
        "DELETE": Operation(
            "delete_client_certificate",
            {204: None},
            parameters=(
                query("force", "Although it is valid and not revoked.", OpenApiTypes.BOOL),
            ),
            may_wait=True,
        ),
    }

    def get(self, request: Request, name: str) -> Response:
        """The certificate with its metadata; its PEM is at `/download`."""
        return self.shown(self.found(name))

    def put(self, request: Request, name: str) -> Response:
        """Say anew how it is kept; what is left out is as for a new one."""
        return self._change(request, name, partial=False)

    def patch(self, request: Request, name: str) -> Response:
        """Change how it is kept. What it says changes by a new certificate."""
        return self._change(request, name, partial=True)

    def delete(self, request: Request, name: str) -> Response:
        """Delete it with all that is stored of it; a conflict while it is valid, unless forced."""
        certificate = self.found(name, Verb.DELETE)
        force = flag(request, "force") is True
        services.delete_client_certificate(actor=self.actor, certificate=certificate, force=force)
        return Response(status=204)

    def _change(self, request: Request, name: str, *, partial: bool) -> Response:
        certificate = self.found(name, Verb.CHANGE)
        values = self.input(request, partial=partial)
        return self.shown(
            services.update_client_certificate(actor=self.actor, certificate=certificate, **values)
        )


class ClientCall(ClientEndpoint):
    """A call about one certificate that answers with it."""

    verb: ClassVar[Verb] = Verb.REVOKE

    def post(self, request: Request, name: str) -> Response:
        certificate = self.found(name, self.verb)
        return self.shown(certificate, self.carry_out(certificate, self.input(request)))

    def carry_out(self, certificate: ClientCertificate, values: dict[str, Any]) -> int:
        """Call the service; the status of the answer."""
        raise NotImplementedError


def _calling(name: str, request: type[Input], *more: int, **options: Any) -> dict[str, Operation]:
    responses = dict.fromkeys((200, *more), ClientCertificateDetailOutput)
    return {"POST": Operation(name, responses, request, **options)}


class RenewClient(ClientCall):
    """Make a new version of what was asked for; 202 if it has to be approved first."""

    operations = _calling("renew_client_certificate", RenewInput, 202, fails=(422,), may_wait=True)
    verb = Verb.RENEW

    def carry_out(self, certificate: ClientCertificate, values: dict[str, Any]) -> int:
        _, enrolment = services.renew_client_certificate(
            actor=self.actor, certificate=certificate, **with_csr(values)
        )
        return 202 if enrolment else 200


class RevokeClient(ClientCall):
    """Revoke a version, or put it on hold; a new CRL follows at once."""

    operations = _calling("revoke_client_certificate", RevokeInput, may_wait=True)

    def carry_out(self, certificate: ClientCertificate, values: dict[str, Any]) -> int:
        number = values.pop("version", None)
        services.revoke_client_certificate(
            actor=self.actor, certificate=certificate, number=number, **values
        )
        return 200


class ReleaseClient(ClientCall):
    """End the hold of the current version."""

    operations = _calling("release_client_certificate", Nothing)

    def carry_out(self, certificate: ClientCertificate, values: dict[str, Any]) -> int:
        services.release_client_certificate(actor=self.actor, certificate=certificate)
        return 200


class ClientVersions(ClientEndpoint):
    operations = {"GET": Operation("list_client_versions", {200: ClientVersionOutput(many=True)})}
    orderings: ClassVar[Mapping[str, str]] = {"number": "number"}
    default_ordering = "-number"

    def get(self, request: Request, name: str) -> Response:
        """What was issued for the certificate, the newest first."""
        certificate = self.found(name)
        rows = ClientVersion.objects.filter(certificate=certificate)
        rows = rows.select_related("storage_target").defer("cert", "chain")
        return self.page(
            rows, ClientVersionOutput(context={"current": certificate.current_version_id})
        )
