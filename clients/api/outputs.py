"""Client certificates, their versions and enrolments as the API shows them. Nothing here asks the
database.
"""

from typing import Any
from urllib.parse import quote

from rest_framework import serializers
from rest_framework.request import Request

from certmate.core import clock
from certmate.pki.statements import Statement
from certmate.rest.fields import instant
from certmate.rest.serializers import Output
from certmate.rest.versions import VersionOutput, current_facts
from clients.choices import ClientState, EnrolmentState, Method
from clients.metadata import metadata
from clients.models import ClientCertificate, ClientVersion, Enrolment
from clients.storing import says_of

ROOT = "/api/client-certificates"


def certificate_url(request: Request, identifier: str) -> str:
    return request.build_absolute_uri(f"{ROOT}/{quote(identifier)}")


def enrolment_url(request: Request, enrolment: Enrolment) -> str:
    return request.build_absolute_uri(f"{ROOT}/csr/{enrolment.pk}")


class NeedsActionOutput(serializers.Serializer[Any]):
    since = serializers.DateTimeField()
    reason = serializers.CharField()

    class Meta:
        ref_name = "NeedsAction"


class ClientCertificateOutput(Output):
    identifier = serializers.CharField()
    common_name = serializers.CharField()
    identity = serializers.CharField(allow_null=True, help_text="The name of who holds it.")
    certificate_type = serializers.CharField()
    method = serializers.ChoiceField(Method.choices)
    state = serializers.ChoiceField(ClientState.choices)
    authority = serializers.CharField(allow_null=True, help_text="null: issued elsewhere.")
    profile = serializers.CharField(allow_null=True)
    subject = serializers.DictField(child=serializers.CharField(), help_text="As it was asked for.")
    san = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="As they were asked for, by dns, email, ip and uri.",
    )
    key_type = serializers.CharField(help_text="Empty: the key is not made here.")
    validity_days = serializers.IntegerField(allow_null=True, help_text="null: by the profile.")
    storage = serializers.CharField(help_text="The storage target's name.")
    team = serializers.CharField(help_text="Empty: nobody's in particular.")
    auto_renew = serializers.BooleanField()
    renewal_days = serializers.IntegerField(allow_null=True)
    renew_at = serializers.DateTimeField(allow_null=True)
    needs_action = NeedsActionOutput(
        allow_null=True, help_text="Since when its renewal is up to a person, and why."
    )
    expires_at = serializers.DateTimeField(allow_null=True)
    days_left = serializers.IntegerField(allow_null=True)
    current_version = serializers.IntegerField(allow_null=True)
    serial_number = serializers.CharField(allow_null=True, help_text="Lower-case hexadecimal.")
    fingerprint = serializers.CharField(
        allow_null=True, help_text="SHA-256, lower-case hexadecimal."
    )
    not_before = serializers.DateTimeField(allow_null=True)
    not_after = serializers.DateTimeField(allow_null=True)
    has_private_key = serializers.BooleanField(help_text="Its key is stored here.")
    tags = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    class Meta:
        ref_name = "ClientCertificate"

    def represent(self, instance: ClientCertificate) -> dict[str, Any]:
        noticed = instance.notice_at
        return {
            "identifier": instance.identifier,
            "common_name": instance.common_name,
            "identity": instance.identity.name if instance.identity else None,
            "certificate_type": instance.certificate_type,
            "method": instance.method,
            "state": instance.state,
            "authority": instance.authority.name if instance.authority else None,
            "profile": instance.profile.name if instance.profile else None,
            "subject": instance.subject,
            "san": instance.alt_names,
            "key_type": instance.key_type,
            "validity_days": instance.validity_days,
            "storage": instance.storage_target.name,
            "team": instance.team.name if instance.team else "",
            "auto_renew": instance.auto_renew,
            "renewal_days": instance.renewal_days,
            "renew_at": instant(instance.renew_at),
            "needs_action": {"since": instant(noticed), "reason": instance.renewal_error}
            if noticed
            else None,
            "expires_at": instant(instance.expires_at),
            "days_left": instance.days_left(clock.now()),
            **_issued(instance.current_version),
            "tags": instance.tags,
            "created_at": instant(instance.created_at),
            "updated_at": instant(instance.updated_at),
        }


class EnrolmentOutput(Output):
    id = serializers.IntegerField()
    url = serializers.URLField()
    identifier = serializers.CharField(help_text="Of the certificate that is asked for.")
    state = serializers.ChoiceField(EnrolmentState.choices)
    certificate = serializers.CharField(
        allow_null=True,
        help_text="The identifier of what came of it; null: not submitted, or gone.",
    )
    authority = serializers.CharField(allow_null=True)
    team = serializers.CharField(help_text="Empty: nobody's in particular.")
    renews = serializers.BooleanField(help_text="It asks for a new version of a certificate.")
    supersedes = serializers.BooleanField(help_text="The version before it is then revoked.")
    requested_by = serializers.CharField(allow_null=True)
    requested_with = serializers.CharField(allow_null=True, help_text="The token, if it was one.")
    decided_by = serializers.CharField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(help_text="Of the decision.")
    created_at = serializers.DateTimeField()

    class Meta:
        ref_name = "Enrolment"

    def represent(self, instance: Enrolment) -> dict[str, Any]:
        decider, requester = instance.decided_by, instance.requested_by
        return {
            "id": instance.pk,
            "url": enrolment_url(self.context["request"], instance),
            "identifier": instance.identifier,
            "state": instance.state,
            "certificate": instance.identifier if instance.certificate_id else None,
            "authority": instance.authority.name if instance.authority else None,
            "team": instance.team.name if instance.team else "",
            "renews": instance.renews,
            "supersedes": instance.supersedes,
            "requested_by": requester.get_username() if requester else None,
            "requested_with": str(instance.requested_token) if instance.requested_token else None,
            "decided_by": decider.get_username() if decider else None,
            "decided_at": instant(instance.decided_at),
            "reason": instance.reason,
            "created_at": instant(instance.created_at),
        }


class EnrolmentDetailOutput(EnrolmentOutput):
    csr = serializers.CharField(help_text="PEM; empty: the key is to be made here.")
    wish = serializers.DictField(help_text="What was asked for, but for the CSR.")
    may_decide = serializers.BooleanField(help_text="Whether your decision would be taken.")

    class Meta:
        ref_name = "EnrolmentDetail"

    def represent(self, instance: Enrolment) -> dict[str, Any]:
        wish = {name: value for name, value in instance.wish.items() if name != "csr"}
        return super().represent(instance) | {
            "csr": instance.csr,
            "wish": wish,
            "may_decide": self.context["may_decide"],
        }


class CSRMadeOutput(EnrolmentDetailOutput):
    private_key = serializers.CharField(
        help_text="PEM. This is the only time that anybody sees it: it is kept nowhere."
    )

    class Meta:
        ref_name = "CSRMade"

    def represent(self, instance: Enrolment) -> dict[str, Any]:
        return super().represent(instance) | {"private_key": self.context["private_key"]}


class ClientCertificateDetailOutput(ClientCertificateOutput):
    notes = serializers.CharField()
    enrolment = EnrolmentOutput(
        allow_null=True, help_text="What waits for approval, if you may see it."
    )
    metadata = serializers.DictField(
        help_text="The same as metadata.json beside the stored bundle; before the certificate is "
        "issued, what was asked for."
    )

    class Meta:
        ref_name = "ClientCertificateDetail"

    def represent(self, instance: ClientCertificate) -> dict[str, Any]:
        enrolment: Enrolment | None = self.context["enrolment"]
        shown = EnrolmentOutput(context=self.context)
        return super().represent(instance) | {
            "notes": instance.notes,
            "enrolment": shown.represent(enrolment) if enrolment else None,
            "metadata": metadata(instance, instance.current_version, _says(instance)),
        }


class ClientVersionOutput(VersionOutput):
    subject = serializers.CharField()
    public_key_hash = serializers.CharField(help_text="SHA-256 of the SubjectPublicKeyInfo.")

    class Meta:
        ref_name = "ClientVersion"

    def represent(self, instance: ClientVersion) -> dict[str, Any]:
        return super().represent(instance) | {
            "subject": instance.subject,
            "public_key_hash": instance.public_key_hash,
        }


def _issued(version: ClientVersion | None) -> dict[str, Any]:
    has_key = version is not None and version.has_private_key
    return current_facts(version) | {"has_private_key": has_key}


def _says(certificate: ClientCertificate) -> Statement:
    """What the certificate states; before there is one, what it shall."""
    if certificate.current_version is not None:
        return says_of(certificate.current_version)
    profile = certificate.profile
    return Statement(
        subject=certificate.subject,
        alt_names=certificate.alt_names,
        key_usage=frozenset(profile.key_usage) if profile else frozenset(),
        extended_key_usage=tuple(profile.extended_key_usage) if profile else (),
    )
