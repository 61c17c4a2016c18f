"""Enrolments: CSRs made here and submitted, requests decided about."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import models
from rest_framework.request import Request
from rest_framework.response import Response

from certmate.access import policy
from certmate.access.verbs import Verb
from certmate.rest.serializers import Input
from certmate.rest.views import Endpoint, Operation
from clients import services
from clients.api.certificates import ANSWERED, ClientEndpoint
from clients.api.filters import EnrolmentFilter
from clients.api.inputs import ApproveInput, CSRInput, RejectInput, SubmitInput, with_csr
from clients.api.outputs import (
    CSRMadeOutput,
    EnrolmentDetailOutput,
    EnrolmentOutput,
    enrolment_url,
)
from clients.choices import EnrolmentState
from clients.models import ClientCertificate, Enrolment
from clients.services import ClientWish

_RELATED = ("authority", "team", "requested_by", "requested_token", "decided_by")


class EnrolmentEndpoint(Endpoint):
    tag = "enrolments"

    def get_queryset(self) -> models.QuerySet[Enrolment]:
        return Enrolment.objects.select_related(*_RELATED)

    def context(self, enrolment: Enrolment, **more: Any) -> dict[str, Any]:
        """What is shown of one besides its row."""
        may_decide = services.may_decide(self.actor, enrolment)
        return {"request": self.request, "may_decide": may_decide, **more}


class Enrolments(EnrolmentEndpoint):
    operations = {"GET": Operation("list_enrolments", {200: EnrolmentOutput(many=True)})}
    orderings: ClassVar[Mapping[str, str]] = {"created_at": "id"}
    default_ordering = "-created_at"
    filterset_class = EnrolmentFilter

    def get(self, request: Request) -> Response:
        """One page of the requests that the caller may see, the newest first."""
        rows = self.visible(self.get_queryset().defer("csr", "wish"))
        return self.page(rows, EnrolmentOutput(context={"request": request}))


class CreateCSR(EnrolmentEndpoint):
    operations = {"POST": Operation("create_csr", {201: CSRMadeOutput}, CSRInput, fails=(422,))}

    def post(self, request: Request) -> Response:
        """Make a key and a CSR. The key is in this answer and nowhere else afterwards."""
        policy.require_possible(self.actor, Verb.REQUEST, ClientCertificate)
        enrolment, _, private_key = services.create_csr(
            actor=self.actor, wish=ClientWish(**self.input(request))
        )
        output = CSRMadeOutput(context=self.context(enrolment, private_key=private_key))
        headers = {"Location": enrolment_url(request, enrolment)}
        return Response(output.represent(enrolment), 201, headers=headers)


class EnrolmentById(EnrolmentEndpoint):
    operations = {"GET": Operation("get_enrolment", {200: EnrolmentDetailOutput})}

    def get(self, request: Request, pk: int) -> Response:
        """The request with its CSR."""
        enrolment = self.find(self.get_queryset(), pk=pk)
        output = EnrolmentDetailOutput(context=self.context(enrolment))
        return Response(output.represent(enrolment))


class SubmitCSR(ClientEndpoint):
    tag = "enrolments"
    operations = {
        "POST": Operation("submit_csr", ANSWERED, SubmitInput, fails=(422,), may_wait=True)
    }

    def post(self, request: Request, pk: int) -> Response:
        """Ask for the certificate of the CSR: 201; 202 if it has to be approved first."""
        enrolment = self.find(Enrolment.objects.select_related(*_RELATED), pk=pk)
        values = with_csr(self.input(request))
        done = services.submit_csr(actor=self.actor, enrolment=enrolment, **values)
        certificate = ClientCertificate.objects.get(enrolments=done)
        return self.shown(certificate, 201 if done.state == EnrolmentState.ISSUED else 202)


class EnrolmentCall(EnrolmentEndpoint):
    """A decision about a request."""

    def post(self, request: Request, pk: int) -> Response:
        enrolment = self.find(self.get_queryset(), Verb.APPROVE, pk=pk)
        done = self.carry_out(enrolment, self.input(request))
        output = EnrolmentDetailOutput(context=self.context(done))
        return Response(output.represent(done))

    def carry_out(self, enrolment: Enrolment, values: dict[str, Any]) -> Enrolment:
        """Call the service."""
        raise NotImplementedError


def _deciding(name: str, request: type[Input]) -> dict[str, Operation]:
    return {"POST": Operation(name, {200: EnrolmentDetailOutput}, request, fails=(422,))}


class ApproveEnrolment(EnrolmentCall):
    """Have the certificate issued. Somebody else than whoever asked has to say so."""

    operations = _deciding("approve_enrolment", ApproveInput)

    def carry_out(self, enrolment: Enrolment, values: dict[str, Any]) -> Enrolment:
        return services.approve_enrolment(actor=self.actor, enrolment=enrolment, **values)


class RejectEnrolment(EnrolmentCall):
    """End the request."""

    operations = _deciding("reject_enrolment", RejectInput)

    def carry_out(self, enrolment: Enrolment, values: dict[str, Any]) -> Enrolment:
        return services.reject_enrolment(actor=self.actor, enrolment=enrolment, **values)
