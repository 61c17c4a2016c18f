"""What the API takes for certificates and orders."""

from typing import Any

from rest_framework import serializers

from certificates.choices import ChallengeType, RevocationReason
from certificates.services import CertificateRequest
from certmate.pki.keys import KeyType
from certmate.rest.fields import Flag, Text, WholeNumber
from certmate.rest.serializers import Input
from providers.services.profiles import LONGEST_DAYS

_WISHES = frozenset(CertificateRequest.__dataclass_fields__)


class WishInput(Input):
    """What a CA or an authority is asked for. In a reissue, what is left out stays as it is."""

    domain = Text(max_length=253, required=False, help_text="The primary name.")
    san_domains = serializers.ListField(
        child=Text(max_length=253), required=False, help_text="The other names; at most 100 in all."
    )
    ca = Text(
        max_length=100,
        required=False,
        help_text="A CA account's name, a provider's slug, or an authority's name.",
    )
    ca_provider = Text(max_length=40, required=False, help_text="A slug of /api/ca-providers.")
    authority = Text(
        max_length=100,
        required=False,
        help_text="A private authority's name. It asks for no proof: no DNS account, no challenge.",
    )
    profile = Text(
        max_length=64,
        required=False,
        allow_blank=True,
        help_text="What the authority shall certify, a name of /api/profiles; `server` if left "
        "out. In a reissue it brings its own validity. For a CA, one that it offers; empty: that "
        "of the CA account.",
    )
    validity_days = WholeNumber(
        min_value=1,
        max_value=LONGEST_DAYS,
        required=False,
        help_text="Of what an authority signs; as its profile says if left out.",
    )
    dns = Text(
        max_length=100,
        required=False,
        help_text="A DNS account's name, or a provider's slug, for all names; by zone if left out.",
    )
    dns_provider = Text(max_length=40, required=False, help_text="A slug of /api/dns-providers.")
    account_id = Text(max_length=100, required=False, help_text="A DNS account's name.")
    challenge_type = serializers.ChoiceField(ChallengeType.choices, required=False)
    key_type = serializers.ChoiceField(
        [(k.value, k.value) for k in KeyType],
        required=False,
        help_text="What CAs take is told with /api/ca-providers; the rest is for authorities.",
    )
    csr = Text(
        required=False,
        trim_whitespace=False,
        help_text="A PEM request of your own: no private key then exists here.",
    )

    class Meta:
        ref_name = "ReissueRequest"

    @staticmethod
    def split(values: dict[str, Any]) -> tuple[CertificateRequest, dict[str, Any]]:
        """The wish, and the rest of the values."""
        wish = {name: value for name, value in values.items() if name in _WISHES}
        return CertificateRequest(**wish), {n: v for n, v in values.items() if n not in _WISHES}


class KeepingInput(Input):
    """How a certificate is kept."""

    auto_renew = Flag(required=False)
    renewal_days = WholeNumber(
        min_value=1,
        max_value=365,
        allow_null=True,
        required=False,
        help_text="null: when the CA suggests, else with a third of the lifetime left.",
    )
    tags = serializers.ListField(child=Text(max_length=64), max_length=50, required=False)
    team = Text(max_length=64, required=False, allow_blank=True, help_text="Who owns it.")

    class Meta:
        ref_name = "CertificateUpdate"


class CertificateInput(WishInput, KeepingInput):
    """A certificate to take up and issue."""

    domain = Text(max_length=253, help_text="The primary name.")
    storage = Text(max_length=64, required=False, help_text="A storage target's name.")
    name = Text(max_length=200, required=False, help_text="Its name here; the domain if left out.")

    class Meta:
        ref_name = "CertificateRequest"


class RevokeInput(Input):
    reason = serializers.ChoiceField(
        RevocationReason.choices, default=RevocationReason.UNSPECIFIED, help_text="RFC 5280 §5.3.1."
    )
    version = WholeNumber(min_value=1, required=False, help_text="The current one if left out.")

    class Meta:
        ref_name = "RevokeRequest"


class AutoRenewInput(Input):
    enabled = Flag()

    class Meta:
        ref_name = "AutoRenewRequest"
