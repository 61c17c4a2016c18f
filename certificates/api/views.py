"""Server certificates: asked for, read, changed, renewed, revoked. Each call is one service."""

from typing import Any, ClassVar

from django.db import models
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from certificates import services
from certificates.api.filters import CertificateFilter
from certificates.api.outputs import (
    CertificateDetailOutput,
    CertificateOutput,
    CertificateVersionOutput,
)
from certificates.api.serializers import (
    AutoRenewInput,
    CertificateInput,
    KeepingInput,
    RevokeInput,
    WishInput,
)
from certificates.api.waiting import WAIT, answer, seconds_to_wait
from certificates.models import Certificate, Order, Version
from certmate.access import policy
from certmate.access.models import Team
from certmate.access.verbs import Verb
from certmate.rest.serializers import Input, Nothing
from certmate.rest.views import Endpoint, Operation, flag, query
from providers.models import Authority, CAAccount, DNSAccount, Profile
from storage.models import StorageTarget

SHOWN = (
    *("name", "names", "state", "auto_renew", "renewal_days", "renew_at", "paused_at"),
    *("pause_reason", "challenge_type", "key_type", "tags", "expires_at", "created_at"),
    *("updated_at", "ca_account_id", "dns_account_id", "storage_target_id", "team_id"),
    *("authority_id", "profile_id", "validity_days", "ca_profile"),
    *("current_version__number", "current_version__serial", "current_version__fingerprint"),
    *("current_version__not_before", "current_version__not_after"),
)
"""What a list shows, so that no PEM and no secret is read for it."""

_RELATED = (
    *("ca_account", "authority", "profile", "dns_account", "storage_target", "team"),
    "current_version",
)


def listed() -> models.QuerySet[Certificate]:
    """Certificates as a list shows them.

    Accounts and targets are few: fetched beside the rows, each is read and built once a page.
    """
    return (
        Certificate.objects.select_related("current_version")
        .only(*SHOWN)
        .prefetch_related(
            models.Prefetch("ca_account", CAAccount.objects.only("name", "provider")),
            models.Prefetch("authority", Authority.objects.only("name")),
            models.Prefetch("profile", Profile.objects.only("name")),
            models.Prefetch("dns_account", DNSAccount.objects.only("name", "provider")),
            models.Prefetch("storage_target", StorageTarget.objects.only("name")),
            models.Prefetch("team", Team.objects.only("name")),
        )
    )


def single() -> models.QuerySet[Certificate]:
    """One certificate with what its services need; what was issued stays in the database."""
    return Certificate.objects.select_related(*_RELATED).defer(
        "current_version__cert", "current_version__chain"
    )


class CertificateEndpoint(Endpoint):
    tag = "certificates"

    def get_queryset(self) -> models.QuerySet[Certificate]:
        return single()

    def shown(self, certificate: Certificate, status: int = 200) -> Response:
        order = (
            Order.objects.filter(certificate=certificate)
            .with_proofs()
            .select_related("certificate", "ca_account", "authority", "profile", "dns_account")
            .order_by(models.F("finished_at").desc(nulls_first=True), "-id")
            .first()
        )
        context = {"request": self.request, "order": order}
        return Response(CertificateDetailOutput(context=context).represent(certificate), status)


class CertificateList(CertificateEndpoint):
    operations = {"GET": Operation("list_certificates", {200: CertificateOutput(many=True)})}
    orderings = {"name": "name", "expires_at": "expires_at", "created_at": "id"}
    search_fields = ("name", "=versions__fingerprint", "=versions__serial")
    filterset_class = CertificateFilter

    def get(self, request: Request) -> Response:
        """One page of the certificates that the caller may see."""
        return self.page(self.visible(listed()), CertificateOutput())


class CertificateCreate(CertificateEndpoint):
    operations = {
        "POST": Operation(
            "create_certificate",
            {202: CertificateDetailOutput, 201: CertificateDetailOutput},
            CertificateInput,
            (WAIT,),
            fails=(422,),
            may_wait=True,
        )
    }

    def post(self, request: Request) -> Response:
        """Take up a certificate and order it: 202 with the order, or with `wait` how it ended."""
        policy.require_possible(self.actor, Verb.REQUEST, Certificate)
        wait = seconds_to_wait(request)
        wish, values = WishInput.split(self.input(request))
        values["storage_name"] = values.pop("storage", "")
        _, order = services.create_certificate(actor=self.actor, request=wish, **values)
        return answer(request, order, wait=wait, done=201)


class Certificates(CertificateList, CertificateCreate):
    operations = {**CertificateList.operations, **CertificateCreate.operations}


class CertificateByName(CertificateEndpoint):
    operations = {
        "GET": Operation("get_certificate", {200: CertificateDetailOutput}),
        "PATCH": Operation("update_certificate", {200: CertificateDetailOutput}, KeepingInput),
        "DELETE": Operation(
            "delete_certificate",
            {204: None},
            parameters=(
                query("force", "Although it is valid and not revoked.", OpenApiTypes.BOOL),
            ),
            may_wait=True,
        ),
    }

    def get(self, request: Request, name: str) -> Response:
        """The certificate with its metadata and its open or last order."""
        return self.shown(self.find(self.get_queryset(), name=name.lower()))

    def patch(self, request: Request, name: str) -> Response:
        """Change how it is kept. Names, CA, key and proof change by reissue."""
        certificate = self.find(self.get_queryset(), Verb.CHANGE, name=name.lower())
        values = self.input(request, partial=True)
        return self.shown(
            services.update_certificate(actor=self.actor, certificate=certificate, **values)
        )

    def delete(self, request: Request, name: str) -> Response:
        """Delete it with all that is stored of it; a conflict while it is valid, unless forced."""
        certificate = self.find(self.get_queryset(), Verb.DELETE, name=name.lower())
        force = flag(request, "force") is True
        services.delete_certificate(actor=self.actor, certificate=certificate, force=force)
        return Response(status=204)


class OrderCall(CertificateEndpoint):
    """A call that places an order."""

    verb: ClassVar[Verb] = Verb.RENEW

    def post(self, request: Request, name: str) -> Response:
        certificate = self.find(self.get_queryset(), self.verb, name=name.lower())
        wait = seconds_to_wait(request)
        order = self.place(certificate, self.input(request))
        return answer(request, order, wait=wait, done=200)

    def place(self, certificate: Certificate, values: dict[str, Any]) -> Order:
        """Call the service."""
        raise NotImplementedError


def placing(name: str, request: type[Input]) -> dict[str, Operation]:
    """The operation of such a call."""
    responses = {202: CertificateDetailOutput, 200: CertificateDetailOutput}
    return {"POST": Operation(name, responses, request, (WAIT,), (422,), may_wait=True)}


class Renew(OrderCall):
    """Order a new version for the same names from the same issuer."""

    operations = placing("renew_certificate", Nothing)

    def place(self, certificate: Certificate, values: dict[str, Any]) -> Order:
        return services.renew_certificate(actor=self.actor, certificate=certificate)


class Reissue(OrderCall):
    """Order a version with other names, another issuer, key or proof. What is left out stays."""

    operations = placing("reissue_certificate", WishInput)

    def place(self, certificate: Certificate, values: dict[str, Any]) -> Order:
        wish, _ = WishInput.split(values)
        return services.reissue_certificate(actor=self.actor, certificate=certificate, request=wish)


class Revoke(OrderCall):
    """Order the revocation of a version by whoever issued it."""

    operations = placing("revoke_certificate", RevokeInput)
    verb = Verb.REVOKE

    def place(self, certificate: Certificate, values: dict[str, Any]) -> Order:
        number = values.pop("version", None)
        return services.revoke_certificate(
            actor=self.actor, certificate=certificate, number=number, **values
        )


class Resume(OrderCall):
    """Take it up again after it was paused for failing: forget the failures and order it now."""

    operations = placing("resume_certificate", Nothing)

    def place(self, certificate: Certificate, values: dict[str, Any]) -> Order:
        return services.resume_certificate(actor=self.actor, certificate=certificate)


class AutoRenew(CertificateEndpoint):
    operations = {
        "PUT": Operation("set_auto_renew", {200: CertificateDetailOutput}, AutoRenewInput)
    }

    def put(self, request: Request, name: str) -> Response:
        """Turn the renewal by schedule on or off."""
        certificate = self.find(self.get_queryset(), Verb.CHANGE, name=name.lower())
        values = self.input(request)
        return self.shown(
            services.set_auto_renew(actor=self.actor, certificate=certificate, **values)
        )


class Versions(CertificateEndpoint):
    operations = {"GET": Operation("list_versions", {200: CertificateVersionOutput(many=True)})}
    orderings = {"number": "number"}
    default_ordering = "-number"

    def get(self, request: Request, name: str) -> Response:
        """What was issued for the certificate, the newest first."""
        certificate = self.find(self.get_queryset(), name=name.lower())
        rows = Version.objects.filter(certificate=certificate)
        rows = rows.select_related("ca_account", "authority", "storage_target").defer(
            "cert", "chain"
        )
        return self.page(
            rows, CertificateVersionOutput(context={"current": certificate.current_version_id})
        )


class ActivateVersion(CertificateEndpoint):
    operations = {"POST": Operation("activate_version", {200: CertificateDetailOutput}, Nothing)}

    def post(self, request: Request, name: str, number: int) -> Response:
        """Make an older version the current one again."""
        certificate = self.find(self.get_queryset(), Verb.CHANGE, name=name.lower())
        self.input(request)
        services.activate_version(actor=self.actor, certificate=certificate, number=number)
        return self.shown(self.find(self.get_queryset(), name=certificate.name))
