"""Bundles handed out: as one file in several forms, or part by part.

The private key goes along where the caller may export it and does not say otherwise; who asks for
it and may not have it is refused. No key leaves by a session alone. An app says in a subclass of
`BundleEndpoint` which objects have bundles and by which service they are read.
"""

import secrets
from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import models
from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from certmate.access import policy
from certmate.access.models import ApiToken
from certmate.access.services import approvals
from certmate.access.verbs import Verb
from certmate.core.errors import AccessDenied, InvalidRequest, NotFound, invalid_input
from certmate.pki import bundle as pki_bundle
from certmate.pki.bundle import Bundle
from certmate.pki.names import directory_name
from certmate.rest.fields import Flag, Text
from certmate.rest.pagination import invalid_parameter
from certmate.rest.serializers import Input
from certmate.rest.views import Endpoint, Operation, flag, query

PASSWORD_HEADER = "X-PKCS12-Password"  # noqa: S105 - a header's name
PEM, ZIP, PKCS12 = "application/x-pem-file", "application/zip", "application/x-pkcs12"
DER, PKCS7 = "application/pkix-cert", "application/x-pkcs7-certificates"
FORMS = ("zip", "pem", "json", "pkcs12", "der", "pkcs7")
WITHOUT_KEY = ("der", "pkcs7")
"""Forms that have no place for a key."""
PARTS = ("cert", "chain", "fullchain", "privkey", "combined", "csr")
WITH_KEY = ("privkey", "combined")


class BundleOutput(serializers.Serializer[Any]):
    cert_pem = serializers.CharField()
    chain_pem = serializers.CharField()
    fullchain_pem = serializers.CharField()
    private_key_pem = serializers.CharField(required=False)
    csr_pem = serializers.CharField(required=False, help_text="That it was issued for.")

    class Meta:
        ref_name = "Bundle"


class BundleInput(Input):
    format = serializers.ChoiceField(FORMS, default="zip")
    password = Text(
        required=False, trim_whitespace=False, max_length=1024, help_text="Of a PKCS#12 file."
    )
    legacy = Flag(default=False, help_text="PKCS#12 as Windows before 10 and old Java read it.")
    include_private = Flag(
        required=False,
        help_text="With the private key; if left out, where the caller may export it.",
    )

    class Meta:
        ref_name = "BundleRequest"


FILES: Mapping[Any, Any] = {
    (200, ZIP): OpenApiTypes.BINARY,
    (200, PEM): OpenApiTypes.STR,
    (200, PKCS12): OpenApiTypes.BINARY,
    (200, DER): OpenApiTypes.BINARY,
    (200, PKCS7): OpenApiTypes.BINARY,
    (200, "application/json"): BundleOutput,
}
INCLUDE_PRIVATE = query(
    "include_private",
    "0 or 1: with the private key; if left out, where the caller may export it.",
    OpenApiTypes.INT,
    enum=(0, 1),
)
PARAMETERS = (
    query("format", "Of the file.", enum=FORMS, default="zip"),
    INCLUDE_PRIVATE,
    query(
        "legacy",
        "0 or 1: PKCS#12 as Windows before 10 and old Java read it.",
        OpenApiTypes.INT,
        enum=(0, 1),
    ),
    OpenApiParameter(
        PASSWORD_HEADER,
        OpenApiTypes.STR,
        OpenApiParameter.HEADER,
        description="Of a PKCS#12 file; without it one is made, and sent back in this header.",
    ),
)


def downloads(noun: str) -> dict[str, Operation]:
    """The operations of a `Download`; `noun` is singular."""
    return {
        "GET": Operation(f"download_{noun}", FILES, parameters=PARAMETERS),
        "POST": Operation(f"download_{noun}_with_password", FILES, BundleInput),
    }


class BundleEndpoint(Endpoint):
    """The base of all addresses that hand out what belongs to one object."""

    def found(self, name: str) -> Any:
        """The object, if the actor may download it."""
        raise NotImplementedError

    def has_key(self, row: Any) -> bool:
        """Whether there is a key that could go along."""
        raise NotImplementedError

    def load(self, row: Any, *, include_private: bool) -> Bundle:
        """Call the service."""
        raise NotImplementedError

    def bundle(self, row: Any, include_private: bool | None) -> Bundle:
        """The current bundle; None takes the key along if there is one that the actor may have."""
        return self.load(row, include_private=self.with_key(row, include_private))

    def with_key(self, row: models.Model, include_private: bool | None) -> bool:
        """Whether the key goes along. Raises AccessDenied (`access.session`) where it is asked for
        by a session, and for who may not export it.
        """
        by_session = not isinstance(self.request.auth, ApiToken)
        if include_private is None:
            return not by_session and self.has_key(row) and self._may_export(row)
        if include_private and by_session:
            policy.require(self.actor, Verb.EXPORT_KEY, row)
            raise AccessDenied(
                "A private key does not leave by a session alone: use a token, or the admin, which "
                "asks for your password.",
                code="access.session",
            )
        return include_private

    def _may_export(self, row: models.Model) -> bool:
        # What needs approval is handed out to who asks for it, and asked for nobody unasked.
        may = policy.allowed(self.actor, Verb.EXPORT_KEY, row)
        return may and not approvals.is_needed(Verb.EXPORT_KEY, row)


class Download(BundleEndpoint):
    """The whole bundle in one file."""

    forms: ClassVar[tuple[str, ...]] = FORMS

    def get(self, request: Request, name: str) -> HttpResponseBase:
        """The bundle as a ZIP of PEM files, as one PEM file, as JSON, as PKCS#12; or the
        certificate alone in DER, or with its chain as PKCS#7.
        """
        row = self.found(name)
        form = request.query_params.get("format", "zip")
        if form not in self.forms:
            raise invalid_parameter("format", f"One of {', '.join(self.forms)}.")
        include_private, legacy = flag(request, "include_private"), flag(request, "legacy") is True
        password = request.headers.get(PASSWORD_HEADER, "")
        return self._packed(row, form, include_private, password, legacy=legacy)

    def post(self, request: Request, name: str) -> HttpResponseBase:
        """The same, with a password of the caller's own in the body."""
        row = self.found(name)
        values = self.input(request)
        include_private, password = values.get("include_private"), values.get("password", "")
        form, legacy = values["format"], values["legacy"]
        return self._packed(row, form, include_private, password, legacy=legacy)

    def _packed(
        self, row: Any, form: str, include_private: bool | None, password: str, *, legacy: bool
    ) -> HttpResponseBase:
        if form in WITHOUT_KEY:
            if include_private:
                raise InvalidRequest(
                    "This form has no place for a private key.", field="include_private"
                )
            include_private = False
        if form == "pkcs12" and password:
            # Before a key is read and the log says so.
            with invalid_input("password"):
                pki_bundle.check_password(password)
        return packed(self.bundle(row, include_private), form, str(row), password, legacy=legacy)


class DownloadPart(BundleEndpoint):
    """One part of the bundle."""

    parts: ClassVar[tuple[str, ...]] = PARTS

    def get(self, request: Request, name: str, part: str) -> HttpResponseBase:
        """One part: cert, chain, fullchain, privkey, combined (the full chain and the key), csr."""
        row = self.found(name)
        if part not in self.parts:
            raise NotFound(f"The parts are {', '.join(self.parts)}.")
        bundle = self.bundle(row, part in WITH_KEY)
        text = str(getattr(bundle, part))
        if part == "csr" and not text:
            raise NotFound("It was issued without a CSR.")
        return pem_file(text, str(row), part)


def packed(
    bundle: Bundle, form: str, name: str, password: str = "", *, legacy: bool = False
) -> HttpResponseBase:
    """The bundle as a file of that form; `name` is the object's. Without a password a PKCS#12 file
    gets one that is sent back in a header.
    """
    if form == "json":
        return _json(bundle)
    if form == "pkcs12":
        return _pkcs12(bundle, name, password, legacy=legacy)
    if form == "pem":
        return _file(bundle.combined.encode(), name, PEM, ".pem")
    if form == "der":
        return _file(pki_bundle.to_der(bundle), name, DER, ".cer")
    if form == "pkcs7":
        return _file(pki_bundle.to_pkcs7(bundle), name, PKCS7, ".p7b")
    has_key = bundle.privkey is not None
    archive = pki_bundle.to_zip(bundle, include_private=has_key)
    return _file(archive, name, ZIP, ".zip")


def pem_file(text: str, name: str, part: str) -> HttpResponse:
    return _file(text.encode(), name, PEM, f"-{part}.pem")


def guarded() -> dict[str, str]:
    """The headers of whatever may hold a key."""
    return {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def _pkcs12(bundle: Bundle, name: str, password: str, *, legacy: bool) -> HttpResponse:
    chosen = password or secrets.token_urlsafe(18)
    with invalid_input("password"):
        content = pki_bundle.to_pkcs12(bundle, password=chosen, name=name, legacy=legacy)
    response = _file(content, name, PKCS12, ".p12")
    if not password:
        response[PASSWORD_HEADER] = chosen
    return response


def _json(bundle: Bundle) -> JsonResponse:
    parts: dict[str, Any] = {
        "cert_pem": bundle.cert,
        "chain_pem": bundle.chain,
        "fullchain_pem": bundle.fullchain,
    }
    if bundle.privkey is not None:
        parts["private_key_pem"] = bundle.privkey
    if bundle.csr:
        parts["csr_pem"] = bundle.csr
    return JsonResponse(parts, headers=guarded())


def _file(content: bytes, name: str, media_type: str, suffix: str) -> HttpResponse:
    # The names of certificates are safe as file names, but for the asterisk.
    file_name = f"{directory_name(name)}{suffix}"
    disposition = content_disposition_header(as_attachment=True, filename=file_name) or "attachment"
    return HttpResponse(
        content,
        content_type=media_type,
        headers={"Content-Disposition": disposition, **guarded()},
    )
