"""Catalogue entries and accounts, as the API takes and shows them."""

from dataclasses import asdict
from typing import Any

from rest_framework import serializers

from certmate.core.parameters import MASK
from certmate.rest.catalogue import ParameterOutput
from certmate.rest.fields import Flag, Text, WholeNumber, instant
from certmate.rest.serializers import Input, Output
from providers.acme.catalogue import CAProfile, CAProvider, Limit
from providers.dns.installed import is_installed
from providers.dns.provider import DNSProvider
from providers.models import CAAccount, DNSAccount


class LimitOutput(Output):
    kind = serializers.CharField(help_text="order, set (of names) or failure (of one name).")
    count = serializers.IntegerField()
    seconds = serializers.IntegerField(help_text="The period.")

    class Meta:
        ref_name = "Limit"

    def represent(self, instance: Limit) -> dict[str, Any]:
        return {
            "kind": instance.kind,
            "count": instance.count,
            "seconds": int(instance.per.total_seconds()),
        }


class CAProfileOutput(Output):
    name = serializers.CharField()
    lifetime_seconds = serializers.IntegerField()
    max_names = serializers.IntegerField()
    ip_addresses = serializers.BooleanField()

    class Meta:
        ref_name = "CAProfile"

    def represent(self, instance: CAProfile) -> dict[str, Any]:
        return {
            "name": instance.name,
            "lifetime_seconds": int(instance.lifetime.total_seconds()),
            "max_names": instance.max_names,
            "ip_addresses": instance.ip_addresses,
        }


class CAProviderOutput(Output):
    slug = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    directory_url = serializers.CharField(help_text="Empty: the account says it.")
    eab = serializers.CharField(help_text="External account binding: none, optional or required.")
    staging = serializers.BooleanField(help_text="Browsers do not trust what it issues.")
    wildcard = serializers.BooleanField()
    ip_addresses = serializers.BooleanField(help_text="Whatever the profile is.")
    key_types = serializers.ListField(child=serializers.CharField())
    types = serializers.ListField(child=serializers.CharField(), help_text="DV, OV or EV.")
    profiles = CAProfileOutput(
        many=True, help_text="As far as they are known; each account has those of its directory."
    )
    directory_hosts = serializers.ListField(
        child=serializers.CharField(), help_text="Under which an account may name a directory."
    )
    limits = LimitOutput(many=True)
    docs_url = serializers.URLField()

    class Meta:
        ref_name = "CAProvider"

    def represent(self, instance: CAProvider) -> dict[str, Any]:
        limits = [LimitOutput().represent(limit) for limit in instance.limits]
        profiles = [CAProfileOutput().represent(profile) for profile in instance.profiles]
        return asdict(instance) | {"limits": limits, "profiles": profiles}


class DNSProviderOutput(Output):
    slug = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    route = serializers.CharField(
        help_text="Who speaks to it: official, plugin, multi, hook or built-in."
    )
    package = serializers.CharField(help_text="The Python package that speaks to it.")
    install = serializers.CharField(
        help_text="The command that installs it; empty: none is needed."
    )
    installed = serializers.BooleanField(help_text="Whether this installation has it.")
    propagation_seconds = serializers.IntegerField(
        allow_null=True,
        help_text="How long at most until a record is served; null: it waits by itself.",
    )
    capacity = serializers.IntegerField(
        allow_null=True, help_text="How many values it keeps at one name; null: any number."
    )
    docs_url = serializers.URLField()
    parameters = ParameterOutput(many=True)

    class Meta:
        ref_name = "DNSProvider"

    def represent(self, instance: DNSProvider) -> dict[str, Any]:
        return {
            "slug": instance.slug,
            "label": instance.label,
            "route": instance.route,
            "package": instance.package,
            "install": instance.install,
            "installed": is_installed(instance.package),
            "propagation_seconds": instance.propagation_seconds,
            "capacity": instance.capacity,
            "docs_url": instance.docs_url,
            "parameters": [ParameterOutput().represent(p) for p in instance.parameters],
        }


class CAAccountInput(Input):
    name = Text(max_length=100)
    provider = Text(max_length=40, help_text="A slug of /api/ca-providers.")
    directory_url = Text(
        max_length=500, required=False, help_text="Where the provider has none or several."
    )
    email = Text(max_length=254, allow_blank=True, default="")
    profile = Text(
        max_length=64,
        allow_blank=True,
        default="",
        help_text="The CA's kind of certificate, unless one names another; empty: the CA chooses.",
    )
    orders_per_hour = WholeNumber(
        min_value=1,
        max_value=100_000,
        allow_null=True,
        default=None,
        help_text="New orders at most; null: as the CA's own limits are known.",
    )
    eab_kid = Text(max_length=500, allow_blank=True, required=False)
    eab_hmac_key = Text(max_length=1000, allow_blank=True, required=False, help_text="A secret.")
    trust_bundle = Text(
        max_length=200_000, allow_blank=True, default="", help_text="PEM, for a CA of your own."
    )
    is_default = Flag(default=False)
    team = Text(max_length=64, allow_blank=True, default="", help_text="Who owns it.")

    class Meta:
        ref_name = "CAAccountRequest"


class CAAccountOutput(Output):
    name = serializers.CharField()
    provider = serializers.CharField()
    directory_url = serializers.CharField()
    email = serializers.CharField()
    profile = serializers.CharField(help_text="Empty: the CA's choice.")
    offered_profiles = serializers.DictField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="What its directory offers, with the CA's words; null: not asked yet.",
    )
    orders_per_hour = serializers.IntegerField(allow_null=True)
    paused_until = serializers.DateTimeField(
        allow_null=True, help_text="The CA asked not to be asked before."
    )
    eab_kid = serializers.CharField()
    eab_hmac_key = serializers.CharField(help_text="******** or empty.")
    trust_bundle = serializers.CharField()
    is_default = serializers.BooleanField()
    staging = serializers.BooleanField()
    account_url = serializers.CharField(
        help_text="At the CA; empty until the first order registers it."
    )
    registered_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    team = serializers.CharField(help_text="Empty: nobody's in particular.")

    class Meta:
        ref_name = "CAAccount"

    def represent(self, instance: CAAccount) -> dict[str, Any]:
        return {
            "name": instance.name,
            "provider": instance.provider,
            "directory_url": instance.directory_url,
            "email": instance.email,
            "profile": instance.profile,
            "offered_profiles": instance.offered_profiles,
            "orders_per_hour": instance.orders_per_hour,
            "paused_until": instant(instance.paused_until),
            "eab_kid": instance.eab.get("kid", ""),
            "eab_hmac_key": MASK if instance.eab.get("hmac_key") else "",
            "trust_bundle": instance.trust_bundle,
            "team": instance.team.name if instance.team else "",
            "is_default": instance.is_default,
            "staging": instance.is_staging,
            "account_url": instance.account_uri,
            "registered_at": instant(instance.registered_at),
            "created_at": instant(instance.created_at),
        }


class DNSAccountInput(Input):
    name = Text(max_length=100)
    provider = Text(max_length=40, help_text="A slug of /api/dns-providers.")
    credentials = serializers.DictField(help_text="The provider's parameters; some are secrets.")
    zones = serializers.ListField(child=Text(max_length=255), default=list, max_length=1000)
    delegated_zones = serializers.ListField(
        child=Text(max_length=255),
        default=list,
        max_length=1000,
        help_text="Zones elsewhere whose _acme-challenge names lead to these by CNAME.",
    )
    propagation_seconds = WholeNumber(min_value=0, max_value=7200, allow_null=True, default=None)
    is_default = Flag(default=False, help_text="Of this provider's accounts.")
    team = Text(max_length=64, allow_blank=True, default="", help_text="Who owns it.")

    class Meta:
        ref_name = "DNSAccountRequest"


class VerifyDNSAccountInput(Input):
    zone = Text(
        max_length=255,
        required=False,
        allow_blank=True,
        help_text="Where to try it; needed where the account names no zone.",
    )

    class Meta:
        ref_name = "VerifyDNSAccountRequest"


class DNSAccountOutput(Output):
    name = serializers.CharField()
    provider = serializers.CharField()
    credentials = serializers.DictField(help_text="Secrets show as ********.")
    zones = serializers.ListField(child=serializers.CharField())
    delegated_zones = serializers.ListField(child=serializers.CharField())
    propagation_seconds = serializers.IntegerField(allow_null=True)
    is_default = serializers.BooleanField()
    verified_at = serializers.DateTimeField(allow_null=True)
    verification_error = serializers.CharField(help_text="Of the last trial; empty: it worked.")
    created_at = serializers.DateTimeField()
    team = serializers.CharField(help_text="Empty: nobody's in particular.")

    class Meta:
        ref_name = "DNSAccount"

    def represent(self, instance: DNSAccount) -> dict[str, Any]:
        return {
            "name": instance.name,
            "provider": instance.provider,
            "credentials": instance.masked_credentials(),
            "zones": instance.zones,
            "delegated_zones": instance.delegated_zones,
            "verified_at": instant(instance.verified_at),
            "verification_error": instance.verification_error,
            "propagation_seconds": instance.propagation_seconds,
            "team": instance.team.name if instance.team else "",
            "is_default": instance.is_default,
            "created_at": instant(instance.created_at),
        }
