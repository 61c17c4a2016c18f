"""The ledger of an authority: what it has signed, revoked and released from hold."""

from typing import Any

from django.db import models
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from certmate.access.verbs import Verb
from certmate.core.errors import AccessDenied
from certmate.pki.inspect import pem_of
from certmate.rest.fields import Text, instant
from certmate.rest.serializers import Input, Nothing, Output
from certmate.rest.views import Endpoint, Operation
from providers import services
from providers.api.filters import LedgerFilter, LedgerSearch, ledger_key
from providers.choices import EntryKind, EntryState, RevocationReason
from providers.models import Authority, LedgerEntry, Revocation

_REASONS = ", ".join(RevocationReason.values)


class RevocationOutput(Output):
    reason = serializers.CharField()
    revoked_at = serializers.DateTimeField()
    invalidity_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        ref_name = "Revocation"

    def represent(self, instance: Revocation) -> dict[str, Any]:
        return {
            "reason": instance.reason,
            "revoked_at": instant(instance.revoked_at),
            "invalidity_at": instant(instance.invalidity_at),
        }


class LedgerEntryOutput(Output):
    serial_number = serializers.CharField(help_text="Lower-case hexadecimal.")
    authority = serializers.CharField()
    key = serializers.IntegerField(help_text="The number of the authority's key.")
    kind = serializers.ChoiceField(EntryKind.choices)
    state = serializers.ChoiceField(EntryState.choices)
    profile = serializers.CharField(help_text="Empty: a CA's certificate.")
    holder = serializers.CharField(help_text="What the certificate is for.")
    subject = serializers.CharField()
    public_key_hash = serializers.CharField(help_text="SHA-256 of the SubjectPublicKeyInfo.")
    shard = serializers.IntegerField(help_text="The CRL that it is on once it is revoked.")
    not_before = serializers.DateTimeField()
    not_after = serializers.DateTimeField()
    revocation = RevocationOutput(allow_null=True)
    note = serializers.CharField(help_text="Why it was abandoned.")
    request_id = serializers.CharField()
    created_at = serializers.DateTimeField()
    signed_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        ref_name = "LedgerEntry"

    def represent(self, instance: LedgerEntry) -> dict[str, Any]:
        revocation = getattr(instance, "revocation", None)
        return {
            "serial_number": instance.serial,
            "authority": instance.authority.name,
            "key": instance.key.number,
            "kind": instance.kind,
            "state": instance.state,
            "profile": instance.profile,
            "holder": instance.holder,
            "subject": instance.subject,
            "public_key_hash": instance.public_key_hash,
            "shard": instance.shard,
            "not_before": instant(instance.not_before),
            "not_after": instant(instance.not_after),
            "revocation": RevocationOutput().represent(revocation) if revocation else None,
            "note": instance.note,
            "request_id": instance.request_id,
            "created_at": instant(instance.created_at),
            "signed_at": instant(instance.signed_at),
        }


class LedgerEntryDetail(LedgerEntryOutput):
    certificate = serializers.CharField(
        allow_null=True, help_text="PEM; null unless it was signed."
    )

    class Meta:
        ref_name = "LedgerEntryDetail"

    def represent(self, instance: LedgerEntry) -> dict[str, Any]:
        cert = pem_of(bytes(instance.cert)) if instance.cert else None
        return super().represent(instance) | {"certificate": cert}


class RevokeEntryInput(Input):
    reason = Text(max_length=30, default="unspecified", help_text=f"One of {_REASONS}.")
    invalidity_at = serializers.DateTimeField(
        allow_null=True, default=None, help_text="Since when the key is not to be trusted."
    )

    class Meta:
        ref_name = "LedgerRevokeRequest"


class LedgerEndpoint(Endpoint):
    tag = "ledger"

    def get_queryset(self) -> models.QuerySet[LedgerEntry]:
        rows = LedgerEntry.objects.select_related("authority", "key", "revocation")
        heavy = ("private_key", "csr", "cert", "outside_chain", "cross_cert")
        return rows.defer("tbs", *(f"key__{column}" for column in heavy))

    def authority(self, name: str) -> Authority:
        """The authority, unless a token may see it and not all that it signs."""
        found: Authority = self.find(Authority.objects.all(), name=name)
        limits = self.actor.limits
        if limits is not None and (limits.patterns or found.team_id not in (limits.teams or ())):
            raise AccessDenied(
                f"This token is limited, and the ledger of {found} is of all.", code="access.scope"
            )
        return found

    def entry(self, name: str, serial: str, verb: Verb = Verb.VIEW) -> LedgerEntry:
        rows = self.get_queryset().filter(authority=self.authority(name))
        entry: LedgerEntry = self.find(rows, verb, serial=ledger_key(serial))
        return entry

    def answer(self, entry: LedgerEntry) -> Response:
        """The entry as it is by now."""
        return Response(LedgerEntryDetail().represent(self.get_queryset().get(pk=entry.pk)))


class Ledger(LedgerEndpoint):
    operations = {"GET": Operation("list_ledger", {200: LedgerEntryOutput(many=True)})}
    orderings = {"created_at": "id"}
    default_ordering = "-created_at"
    search_fields = ("=serial", "=public_key_hash")
    filterset_class = LedgerFilter
    filter_backends = (DjangoFilterBackend, LedgerSearch)

    def get(self, request: Request, name: str) -> Response:
        """One page of what the authority has signed or tried to sign, the newest first."""
        rows = self.get_queryset().filter(authority=self.authority(name)).defer("tbs", "cert")
        return self.page(rows, LedgerEntryOutput())


class LedgerEntryBySerial(LedgerEndpoint):
    operations = {"GET": Operation("get_ledger_entry", {200: LedgerEntryDetail})}

    def get(self, request: Request, name: str, serial: str) -> Response:
        """The entry with the certificate."""
        return Response(LedgerEntryDetail().represent(self.entry(name, serial)))


class RevokeEntry(LedgerEndpoint):
    operations = {
        "POST": Operation("revoke_ledger_entry", {200: LedgerEntryDetail}, RevokeEntryInput)
    }

    def post(self, request: Request, name: str, serial: str) -> Response:
        """Revoke the certificate, or put it on hold; a new CRL follows at once."""
        entry = self.entry(name, serial, Verb.REVOKE)
        services.revoke_entry(actor=self.actor, entry=entry, **self.input(request))
        return self.answer(entry)


class ReleaseEntry(LedgerEndpoint):
    operations = {"POST": Operation("release_ledger_entry", {200: LedgerEntryDetail}, Nothing)}

    def post(self, request: Request, name: str, serial: str) -> Response:
        """End the hold of the certificate."""
        entry = self.entry(name, serial, Verb.REVOKE)
        self.input(request)
        services.release_entry(actor=self.actor, entry=entry)
        return self.answer(entry)
