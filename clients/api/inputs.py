"""What the API takes for client certificates, their enrolments and batches."""

import base64
import binascii
from typing import Any

from rest_framework import serializers

from certmate.core.errors import InvalidRequest, invalid_input
from certmate.pki.inspect import MAX_PEM_BYTES
from certmate.pki.keys import KeyType
from certmate.pki.requests import parse_request
from certmate.rest.fields import Flag, Text, WholeNumber
from certmate.rest.serializers import Input
from clients.services import ClientWish
from clients.services.rows import MOST_ROWS
from providers.choices import RevocationReason
from providers.services.profiles import LONGEST_DAYS

LONGEST_NOTES = 10_000
_REASONS = ", ".join(RevocationReason.values)
_OF_UPLOADS = frozenset(
    {
        *("certificate", "chain", "private_key"),
        *("identifier", "identity", "storage", "team", "tags", "notes"),
    }
)


def pem(help_text: str, **options: Any) -> Text:
    return Text(
        max_length=MAX_PEM_BYTES,
        trim_whitespace=False,
        required=False,
        help_text=help_text,
        **options,
    )


def tags_field(**options: Any) -> serializers.ListField:
    return serializers.ListField(child=Text(max_length=64), max_length=50, **options)


def notes_field(**options: Any) -> Text:
    return Text(max_length=LONGEST_NOTES, allow_blank=True, **options)


def _names(what: str) -> serializers.ListField:
    return serializers.ListField(child=Text(max_length=2048), required=False, help_text=what)


class SanInput(Input):
    dns = _names("Host names.")
    email = _names("Addresses.")
    ip = _names("Addresses.")
    uri = _names("Such as spiffe://example.test/web.")

    class Meta:
        ref_name = "ClientAltNames"


class _Named(Input):
    """Who shall hold a certificate, and what it says."""

    common_name = Text(
        max_length=255,
        required=False,
        help_text="Of the holder; may be missing if the subject, a name or a CSR tells it.",
    )
    identifier = Text(
        max_length=200,
        required=False,
        help_text="Its name here; made of the common name if left out.",
    )
    identity = Text(max_length=200, required=False, help_text="The name of who holds it.")
    subject = serializers.DictField(required=False, help_text="O, OU, C and so on.")
    san = SanInput(required=False, help_text="Subject alternative names.")
    key_type = serializers.ChoiceField(
        [(kind.value, kind.value) for kind in KeyType],
        required=False,
        help_text="Of the key that is made here; as the profile prefers if left out.",
    )
    validity_days = WholeNumber(
        min_value=1,
        max_value=LONGEST_DAYS,
        required=False,
        help_text="As the profile says if left out.",
    )
    tags = tags_field(required=False)
    notes = notes_field(required=False)


class _Kept(Input):
    """By what certificates are made, and how they are kept."""

    authority = Text(
        max_length=100, required=False, help_text="Who signs; the default one if left out."
    )
    profile = Text(
        max_length=64,
        required=False,
        help_text="What it shall be for, a name of /api/profiles; `client` if left out.",
    )
    storage = Text(max_length=64, required=False, help_text="A storage target's name.")
    team = Text(max_length=64, required=False, help_text="Who owns it; the identity's by default.")
    auto_renew = Flag(required=False, help_text="true if left out.")


class _Holder(_Named, _Kept):
    renewal_days = WholeNumber(
        min_value=1,
        max_value=365,
        required=False,
        help_text="If left out: with a third of the lifetime left.",
    )


class ClientCertificateInput(_Holder):
    """A certificate to issue; or, with `certificate`, one to keep that another CA has issued."""

    csr = pem("A PEM request of the holder's: no private key then exists here.")
    csr_der = pem("The same in DER, as Base64.")
    certificate = pem("To upload instead, PEM; its chain may follow it.")
    chain = pem("Of an upload, PEM.", allow_blank=True)
    private_key = pem("A secret: of an upload, PEM.")

    class Meta:
        ref_name = "ClientCertificateRequest"


class CSRInput(_Holder):
    """A CSR to make, with a key that is given away and kept nowhere."""

    class Meta:
        ref_name = "CSRRequest"


class KeepingInput(Input):
    """How a certificate is kept, and whose it is. What it says changes by a new one."""

    auto_renew = Flag(default=True)
    renewal_days = WholeNumber(
        min_value=1,
        max_value=365,
        allow_null=True,
        default=None,
        help_text="null: with a third of the lifetime left.",
    )
    tags = tags_field(default=list)
    notes = notes_field(default="")
    identity = Text(max_length=200, allow_blank=True, default="", help_text="Who holds it.")
    team = Text(max_length=64, allow_blank=True, default="", help_text="Who owns it.")

    class Meta:
        ref_name = "ClientCertificateUpdate"


class RevokeInput(Input):
    reason = Text(
        max_length=30,
        default=RevocationReason.UNSPECIFIED.value,
        help_text=f"RFC 5280 §5.3.1, one of {_REASONS}.",
    )
    version = WholeNumber(min_value=1, required=False, help_text="The current one if left out.")
    invalidity_at = serializers.DateTimeField(
        allow_null=True, default=None, help_text="Since when the key is not to be trusted."
    )

    class Meta:
        ref_name = "ClientRevokeRequest"


class RenewInput(Input):
    csr = pem("A PEM request with another key of the holder's.")
    csr_der = pem("The same in DER, as Base64.")
    proof = Text(
        max_length=16_384,
        required=False,
        help_text="Base64: a signature over the CSR (DER) by the key of the present certificate. "
        "With it nobody has to approve.",
    )
    same_key = Flag(default=False, help_text="The key that is stored, again.")
    supersede = Flag(default=False, help_text="Revoke the version before it.")

    class Meta:
        ref_name = "ClientRenewRequest"


class SubmitInput(Input):
    csr = pem("Another PEM request instead of the one that was made here.")
    csr_der = pem("The same in DER, as Base64.")

    class Meta:
        ref_name = "CSRSubmission"


class ApproveInput(Input):
    reason = Text(max_length=500, allow_blank=True, default="")

    class Meta:
        ref_name = "EnrolmentApproval"


class RejectInput(Input):
    reason = Text(max_length=500)

    class Meta:
        ref_name = "EnrolmentRejection"


class BatchRowInput(_Named):
    """One certificate of a batch."""

    csr = pem("A PEM request of the holder's: no private key then exists here.")
    key = Text(
        max_length=100,
        required=False,
        help_text="Your own name for the row. The same key in a later batch of yours is the same "
        "certificate: what is sent twice is issued once.",
    )

    class Meta:
        ref_name = "BatchRowRequest"


class Rows(serializers.ListField):
    """Rows as they came. The service checks all of them, and tells what is wrong by row."""

    child = BatchRowInput()

    def to_internal_value(self, data: Any) -> list[Any]:
        if not isinstance(data, list):
            self.fail("not_a_list", input_type=type(data).__name__)
        return data


class BatchInput(_Kept):
    """Certificates to issue, and what they have in common."""

    tags = tags_field(required=False)
    rows = Rows(help_text=f"1 to {MOST_ROWS} certificates.")

    class Meta:
        ref_name = "BatchRequest"


def wish_of(values: dict[str, Any]) -> ClientWish:
    """What is asked for. Raises InvalidRequest for parts that only an upload has."""
    for name in ("chain", "private_key"):
        if name in values:
            raise InvalidRequest("This goes with a certificate to upload only.", field=name)
    return ClientWish(**with_csr(values))


def upload_of(values: dict[str, Any]) -> dict[str, Any]:
    """The arguments of the upload. Raises InvalidRequest for what only an issuance has."""
    for name in values:
        if name not in _OF_UPLOADS:
            raise InvalidRequest(
                "A certificate that is uploaded says this itself, or it has no meaning for one.",
                field=name,
            )
    renamed = {"storage": "storage_name"}
    return {renamed.get(name, name): value for name, value in values.items()}


def with_csr(values: dict[str, Any]) -> dict[str, Any]:
    """The values with the CSR in PEM, in whichever form it came. Raises InvalidRequest."""
    if "csr_der" not in values:
        return values
    if "csr" in values:
        raise InvalidRequest("One form of the CSR, not both.", field="csr_der")
    rest = {name: value for name, value in values.items() if name != "csr_der"}
    try:
        der = base64.b64decode(values["csr_der"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(
            "This is not Base64.", code="csr.malformed", field="csr_der"
        ) from error
    with invalid_input("csr_der"):
        return rest | {"csr": parse_request(der).pem}
