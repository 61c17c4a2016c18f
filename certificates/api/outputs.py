"""Certificates, versions and orders as the API shows them. Nothing here asks the database."""

from typing import Any
from urllib.parse import quote

from rest_framework import serializers
from rest_framework.request import Request

from certificates.choices import CertificateState, ChallengeType, OrderKind, OrderState, OrderStep
from certificates.models import Certificate, Order, OrderLog, Version
from certificates.models.certificate import Issued, Wanted
from certificates.remedies import remedy
from certificates.services.metadata import AUTHORITY, metadata
from certmate.core import clock
from certmate.rest.fields import instant
from certmate.rest.serializers import Output
from certmate.rest.versions import VersionOutput, current_facts


def order_url(request: Request, order: Order) -> str:
    return request.build_absolute_uri(f"/api/orders/{order.pk}")


def certificate_url(request: Request, certificate: Certificate) -> str:
    return request.build_absolute_uri(f"/api/certificates/{quote(certificate.name)}")


class OrderOutput(Output):
    id = serializers.IntegerField()
    url = serializers.URLField()
    certificate = serializers.CharField(help_text="The certificate's name.")
    kind = serializers.ChoiceField(OrderKind.choices)
    state = serializers.ChoiceField(OrderState.choices)
    step = serializers.ChoiceField(OrderStep.choices)
    names = serializers.ListField(child=serializers.CharField())
    ca = serializers.CharField(help_text="The CA account's name, or the authority's.")
    authority = serializers.CharField(allow_null=True, help_text="The authority's name.")
    profile = serializers.CharField(
        allow_null=True, help_text="Of the authority, or of the CA; null: as the CA account says."
    )
    validity_days = serializers.IntegerField(allow_null=True, help_text="null: by the profile.")
    dns = serializers.CharField(
        allow_null=True, help_text="The DNS account's name; null: several, or none is needed."
    )
    dns_by_name = serializers.DictField(
        child=serializers.CharField(),
        help_text="The DNS account that proves each name, where it takes several.",
    )
    challenge_type = serializers.ChoiceField(
        ChallengeType.choices, allow_null=True, help_text="null with an authority."
    )
    key_type = serializers.CharField()
    reason = serializers.CharField(help_text="Of a revocation.")
    error_code = serializers.CharField(allow_null=True)
    message = serializers.CharField(
        allow_null=True, help_text="What went wrong at the last attempt."
    )
    remedy = serializers.CharField(allow_null=True, help_text="What a person can do about it.")
    identifiers = serializers.DictField(child=serializers.CharField())
    attempts = serializers.IntegerField(help_text="That have failed.")
    next_attempt_at = serializers.DateTimeField(
        allow_null=True, help_text="null once it has ended."
    )
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        ref_name = "Order"

    def represent(self, instance: Order) -> dict[str, Any]:
        code = instance.error_code
        return {
            "id": instance.pk,
            "url": order_url(self.context["request"], instance),
            "certificate": instance.certificate.name,
            "kind": instance.kind,
            "state": instance.state,
            "step": instance.step,
            "names": instance.names,
            **_wanted(instance),
            "dns": instance.dns_account.name if instance.dns_account else None,
            "dns_by_name": _dns_by_name(instance),
            "key_type": instance.key_type,
            "reason": instance.reason,
            "error_code": code or None,
            "message": instance.error_detail if code else None,
            "remedy": (remedy(code) or None) if code else None,
            "identifiers": instance.error_identifiers,
            "attempts": instance.attempts,
            "next_attempt_at": instant(instance.next_attempt_at) if instance.is_open else None,
            "created_at": instant(instance.created_at),
            "finished_at": instant(instance.finished_at),
        }


def _dns_by_name(order: Order) -> dict[str, str]:
    return {name: one.dns_account.name for one in order.proofs.all() for name in one.names}


class OrderLogOutput(Output):
    at = serializers.DateTimeField()
    step = serializers.ChoiceField(OrderStep.choices)
    message = serializers.CharField()

    class Meta:
        ref_name = "OrderLogLine"

    def represent(self, instance: OrderLog) -> dict[str, Any]:
        return {"at": instant(instance.at), "step": instance.step, "message": instance.message}


class OrderDetailOutput(OrderOutput):
    log = OrderLogOutput(many=True, help_text="The latest 500 lines, the oldest first.")

    class Meta:
        ref_name = "OrderDetail"


class PausedOutput(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    reason = serializers.CharField()

    class Meta:
        ref_name = "Paused"


class CertificateOutput(Output):
    name = serializers.CharField()
    domain = serializers.CharField()
    san_domains = serializers.ListField(child=serializers.CharField())
    exists = serializers.BooleanField(help_text="A version is issued and stored.")
    state = serializers.ChoiceField(CertificateState.choices)
    expiry_date = serializers.CharField(allow_null=True, help_text="YYYY-MM-DD HH:MM:SS, UTC.")
    days_left = serializers.IntegerField(allow_null=True)
    days_until_expiry = serializers.IntegerField(
        allow_null=True, help_text="The same as days_left."
    )
    needs_renewal = serializers.BooleanField()
    auto_renew = serializers.BooleanField()
    renewal_days = serializers.IntegerField(allow_null=True)
    renew_at = serializers.DateTimeField(allow_null=True)
    paused = PausedOutput(
        allow_null=True, help_text="Why it is not renewed until somebody resumes it."
    )
    ca = serializers.CharField(help_text="The CA account's name, or the authority's.")
    ca_provider = serializers.CharField(help_text="`authority` for a private one.")
    authority = serializers.CharField(allow_null=True, help_text="The authority's name.")
    profile = serializers.CharField(
        allow_null=True, help_text="Of the authority, or of the CA; null: as the CA account says."
    )
    validity_days = serializers.IntegerField(allow_null=True, help_text="null: by the profile.")
    staging = serializers.BooleanField()
    dns = serializers.CharField(allow_null=True, help_text="The DNS account's name; null: by zone.")
    dns_provider = serializers.CharField(allow_null=True)
    account_id = serializers.CharField(allow_null=True, help_text="The same as dns.")
    challenge_type = serializers.ChoiceField(
        ChallengeType.choices, allow_null=True, help_text="null with an authority."
    )
    key_type = serializers.CharField()
    storage = serializers.CharField(help_text="The storage target's name.")
    tags = serializers.ListField(child=serializers.CharField())
    team = serializers.CharField(help_text="Empty: nobody's in particular.")
    current_version = serializers.IntegerField(allow_null=True)
    serial_number = serializers.CharField(allow_null=True, help_text="Lower-case hexadecimal.")
    fingerprint = serializers.CharField(
        allow_null=True, help_text="SHA-256, lower-case hexadecimal."
    )
    not_before = serializers.DateTimeField(allow_null=True)
    not_after = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    class Meta:
        ref_name = "Certificate"

    def represent(self, instance: Certificate) -> dict[str, Any]:
        dns, paused_at = instance.dns_account, instance.paused_at
        account = instance.ca_account
        return {
            "name": instance.name,
            "domain": instance.domain,
            "san_domains": instance.names[1:],
            "exists": instance.current_version_id is not None,
            "state": instance.state,
            **_validity(instance),
            "auto_renew": instance.auto_renew,
            "renewal_days": instance.renewal_days,
            "renew_at": instant(instance.renew_at),
            "paused": {"at": instant(paused_at), "reason": instance.pause_reason}
            if paused_at
            else None,
            **_wanted(instance),
            "ca_provider": account.provider if account else AUTHORITY,
            "staging": account is not None and account.is_staging,
            "dns": dns.name if dns else None,
            "dns_provider": dns.provider if dns else None,
            "account_id": dns.name if dns else None,
            "key_type": instance.key_type,
            "storage": instance.storage_target.name,
            "tags": instance.tags,
            "team": instance.team.name if instance.team else "",
            **current_facts(instance.current_version),
            "created_at": instant(instance.created_at),
            "updated_at": instant(instance.updated_at),
        }


class CertificateDetailOutput(CertificateOutput):
    order = OrderOutput(allow_null=True, help_text="The open order, else the last one.")
    metadata = serializers.DictField(
        help_text="The same as metadata.json beside the stored bundle."
    )

    class Meta:
        ref_name = "CertificateDetail"

    def represent(self, instance: Certificate) -> dict[str, Any]:
        order: Order | None = self.context["order"]
        return super().represent(instance) | {
            "order": OrderOutput(context=self.context).represent(order) if order else None,
            "metadata": metadata(instance, instance.current_version),
        }


class CertificateVersionOutput(VersionOutput):
    names = serializers.ListField(child=serializers.CharField())
    ca = serializers.CharField(help_text="The CA account's name, or the authority's.")
    authority = serializers.CharField(allow_null=True, help_text="The authority's name.")

    class Meta:
        ref_name = "Version"

    def represent(self, instance: Version) -> dict[str, Any]:
        return super().represent(instance) | {"names": instance.names, **_issuer(instance)}


def _issuer(issued: Issued) -> dict[str, Any]:
    authority = issued.authority
    return {
        "ca": issued.issued_by.name,
        "authority": authority.name if authority else None,
    }


def _wanted(wanted: Wanted) -> dict[str, Any]:
    return {
        **_issuer(wanted),
        "profile": wanted.profile.name if wanted.profile else wanted.ca_profile or None,
        "validity_days": wanted.validity_days,
        "challenge_type": wanted.challenge_type or None,
    }


def _validity(certificate: Certificate) -> dict[str, Any]:
    now = clock.now()
    days, expires_at = certificate.days_left(now), certificate.expires_at
    return {
        "expiry_date": f"{expires_at:%Y-%m-%d %H:%M:%S}" if expires_at else None,
        "days_left": days,
        "days_until_expiry": days,
        "needs_renewal": certificate.needs_renewal(now),
    }
