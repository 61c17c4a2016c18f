"""Profiles: what authorities may put into certificates."""

from typing import Any

from rest_framework import serializers

from certmate.pki.keys import KeyType
from certmate.pki.subject import ATTRIBUTES
from certmate.pki.usages import LEAF_USAGES
from certmate.rest import named
from certmate.rest.fields import Flag, Text, WholeNumber, instant
from certmate.rest.serializers import Input, Output
from providers import services
from providers.models import Profile
from providers.services.profiles import LONGEST_DAYS


class ProfileInput(Input):
    name = Text(max_length=64)
    description = Text(max_length=200, allow_blank=True, default="")
    certificate_type = Text(max_length=20, help_text="What metadata says, such as client.")
    key_usage = serializers.ListField(
        child=Text(max_length=30), max_length=20, help_text=f"Of {', '.join(LEAF_USAGES)}."
    )
    extended_key_usage = serializers.ListField(
        child=Text(max_length=100),
        default=list,
        max_length=50,
        help_text="Names such as clientAuth, or OIDs.",
    )
    key_types = serializers.ListField(
        child=Text(max_length=10), max_length=20, help_text=f"Of {', '.join(KeyType)}."
    )
    default_days = WholeNumber(min_value=1, max_value=LONGEST_DAYS)
    longest_days = WholeNumber(min_value=1, max_value=LONGEST_DAYS)
    subject = serializers.DictField(
        child=Text(max_length=300),
        default=dict,
        help_text="What each certificate gets, with {identifier} and {common_name} filled in.",
    )
    subject_fields = serializers.ListField(
        child=Text(max_length=20),
        default=list,
        max_length=20,
        help_text=f"What a requester may set, of {', '.join(ATTRIBUTES)}.",
    )
    alt_names = serializers.DictField(
        child=serializers.ListField(child=Text(max_length=2048), max_length=100),
        default=dict,
        help_text="Patterns by dns, ip, email and uri; a kind without any is not allowed.",
    )
    needs_approval = Flag(default=False, help_text="Somebody else approves of each request.")

    class Meta:
        ref_name = "ProfileRequest"


class ProfileOutput(Output):
    name = serializers.CharField()
    description = serializers.CharField()
    certificate_type = serializers.CharField()
    key_usage = serializers.ListField(child=serializers.CharField())
    extended_key_usage = serializers.ListField(child=serializers.CharField())
    key_types = serializers.ListField(child=serializers.CharField())
    default_days = serializers.IntegerField()
    longest_days = serializers.IntegerField()
    subject = serializers.DictField(child=serializers.CharField())
    subject_fields = serializers.ListField(child=serializers.CharField())
    alt_names = serializers.DictField()
    needs_approval = serializers.BooleanField()
    created_at = serializers.DateTimeField()

    class Meta:
        ref_name = "Profile"

    def represent(self, instance: Profile) -> dict[str, Any]:
        return {
            "name": instance.name,
            "description": instance.description,
            "certificate_type": instance.certificate_type,
            "key_usage": instance.key_usage,
            "extended_key_usage": instance.extended_key_usage,
            "key_types": instance.key_types,
            "default_days": instance.default_days,
            "longest_days": instance.longest_days,
            "subject": instance.subject,
            "subject_fields": instance.subject_fields,
            "alt_names": instance.alt_names,
            "needs_approval": instance.needs_approval,
            "created_at": instant(instance.created_at),
        }


class Profiles(named.NamedCollection):
    tag = "profiles"
    operations = named.collection("profile", ProfileOutput, ProfileInput)
    representation = ProfileOutput
    queryset = Profile.objects.all()

    def create(self, values: dict[str, Any]) -> Profile:
        return services.create_profile(actor=self.actor, **values)


class ProfileByName(named.NamedObject):
    tag = "profiles"
    operations = named.single("profile", ProfileOutput, ProfileInput)
    representation = ProfileOutput
    queryset = Profile.objects.all()

    def update(self, row: Profile, values: dict[str, Any]) -> Profile:
        return services.update_profile(actor=self.actor, profile=row, **values)

    def remove(self, row: Profile) -> None:
        services.delete_profile(actor=self.actor, profile=row)
