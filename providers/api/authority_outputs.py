"""Authorities, their keys and CRLs as the API shows them. Nothing here asks the database."""

from typing import Any

from rest_framework import serializers

from certmate.core import clock
from certmate.rest.fields import instant
from certmate.rest.serializers import Output
from providers.choices import AuthorityKind, AuthorityState, KeyState
from providers.models import CRL, Authority, AuthorityKey
from providers.services import addresses


class KeyOutput(Output):
    number = serializers.IntegerField()
    state = serializers.ChoiceField(KeyState.choices)
    fingerprint = serializers.CharField(allow_null=True)
    not_after = serializers.DateTimeField(allow_null=True)
    has_cross_certificate = serializers.BooleanField(
        help_text="The key before it has certified it as well."
    )

    class Meta:
        ref_name = "AuthorityKey"

    def represent(self, instance: AuthorityKey) -> dict[str, Any]:
        return {
            "number": instance.number,
            "state": instance.state,
            "fingerprint": instance.fingerprint or None,
            "not_after": instant(instance.not_after),
            "has_cross_certificate": bool(instance.cross_cert),
        }


class ActiveKeyOutput(Output):
    """The key that signs now, and where what belongs to it is published."""

    number = serializers.IntegerField()
    certificate = serializers.CharField(help_text="PEM.")
    serial_number = serializers.CharField(help_text="Lower-case hexadecimal.")
    fingerprint = serializers.CharField(help_text="SHA-256, lower-case hexadecimal.")
    public_key_hash = serializers.CharField(help_text="SHA-256 of the SubjectPublicKeyInfo.")
    not_before = serializers.DateTimeField()
    not_after = serializers.DateTimeField()
    ca_url = serializers.CharField(help_text="Its certificate, for anybody.")
    crl_urls = serializers.ListField(child=serializers.CharField())
    ocsp_url = serializers.CharField(
        allow_null=True, help_text="null: no OCSP, or each signature needs a passphrase."
    )

    class Meta:
        ref_name = "ActiveAuthorityKey"

    def represent(self, instance: AuthorityKey) -> dict[str, Any]:
        return {
            "number": instance.number,
            "certificate": instance.cert,
            "serial_number": instance.serial,
            "fingerprint": instance.fingerprint,
            "public_key_hash": instance.public_key_hash,
            "not_before": instant(instance.not_before),
            "not_after": instant(instance.not_after),
            "ca_url": addresses.ca_url(instance),
            "crl_urls": [addresses.crl_url(instance, shard) for shard in instance.shards],
            "ocsp_url": addresses.ocsp_url(instance) or None,
        }


class AuthorityOutput(Output):
    name = serializers.CharField()
    kind = serializers.ChoiceField(AuthorityKind.choices)
    parent = serializers.CharField(allow_null=True, help_text="null: a root, or an outside CA.")  # type: ignore[assignment]
    state = serializers.ChoiceField(AuthorityState.choices)
    subject = serializers.DictField(child=serializers.CharField())
    key_type = serializers.CharField()
    custody = serializers.CharField()
    needs_passphrase = serializers.BooleanField(help_text="At each signature.")
    validity_days = serializers.IntegerField(help_text="Of each of its certificates.")
    path_length = serializers.IntegerField(allow_null=True)
    name_constraints = serializers.DictField(
        help_text="By permitted and excluded, then by dns, ip, email and uri."
    )
    crl_shards = serializers.IntegerField()
    crl_hours = serializers.IntegerField()
    delta_crl_hours = serializers.IntegerField()
    ocsp_hours = serializers.IntegerField(help_text="0: no OCSP.")
    is_default = serializers.BooleanField()
    team = serializers.CharField(help_text="Empty: nobody's in particular.")
    created_at = serializers.DateTimeField()
    active_key = ActiveKeyOutput(allow_null=True)
    keys = KeyOutput(many=True, help_text="The newest first.")

    class Meta:
        ref_name = "Authority"

    def represent(self, instance: Authority) -> dict[str, Any]:
        key = instance.signing_key()
        return {
            "name": instance.name,
            "kind": instance.kind,
            "parent": instance.parent.name if instance.parent else None,
            "state": instance.state(clock.now()),
            "subject": instance.subject,
            "key_type": instance.key_type,
            "custody": instance.custody,
            "needs_passphrase": instance.is_offline,
            "validity_days": instance.validity_days,
            "path_length": instance.path_length,
            "name_constraints": instance.name_constraints,
            "crl_shards": instance.crl_shards,
            "crl_hours": instance.crl_hours,
            "delta_crl_hours": instance.delta_crl_hours,
            "ocsp_hours": instance.ocsp_hours,
            "is_default": instance.is_default,
            "team": instance.team.name if instance.team else "",
            "created_at": instant(instance.created_at),
            "active_key": ActiveKeyOutput().represent(key) if key else None,
            "keys": [KeyOutput().represent(one) for one in instance.keys.all()],
        }


class CRLOutput(Output):
    key = serializers.IntegerField(help_text="The number of the key that signed it.")
    shard = serializers.IntegerField()
    number = serializers.IntegerField()
    this_update = serializers.DateTimeField()
    next_update = serializers.DateTimeField()
    entries = serializers.IntegerField()
    url = serializers.CharField()
    delta_entries = serializers.IntegerField()
    delta_next_update = serializers.DateTimeField(allow_null=True)
    delta_url = serializers.CharField(help_text="Empty if the authority makes no delta CRLs.")

    class Meta:
        ref_name = "CRL"

    def represent(self, instance: CRL) -> dict[str, Any]:
        return {
            "key": instance.key.number,
            "shard": instance.shard,
            "number": instance.number,
            "this_update": instant(instance.this_update),
            "next_update": instant(instance.next_update),
            "entries": instance.entries,
            "url": addresses.crl_url(instance.key, instance.shard),
            "delta_entries": instance.delta_entries,
            "delta_next_update": instant(instance.delta_next_update),
            "delta_url": addresses.delta_crl_url(instance.key, instance.shard)
            if instance.delta
            else "",
        }
