"""Bundles handed out: as one file in several forms, or part by part.

The private key goes along where the caller may export it and does not say otherwise; who asks for
it and may not have it is refused. Each export is in the audit log before the key is read.
"""

import secrets
from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.utils.http import content_disposition_header
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from certificates.api.outputs import DownloadOutput
from certificates.api.serializers import DownloadInput
from certificates.api.views import CertificateEndpoint
from certificates.models import Certificate
from certificates.services import load_bundle
from certmate.access import policy
from certmate.access.models import ApiToken
from certmate.access.services import approvals
from certmate.access.verbs import Verb
from certmate.core.errors import AccessDenied, NotFound, invalid_input
from certmate.pki import bundle as pki_bundle
from certmate.pki.bundle import Bundle
from certmate.pki.names import directory_name
from certmate.rest.pagination import invalid_parameter
from certmate.rest.views import Operation, flag, query

PASSWORD_HEADER = "X-PKCS12-Password"  # noqa: S105 - a header's name
PEM, ZIP, PKCS12 = "application/x-pem-file", "application/zip", "application/x-pkcs12"
FORMS = ("zip", "pem", "json", "pkcs12")
PARTS = ("cert", "chain", "fullchain", "privkey", "combined")
WITH_KEY = ("privkey", "combined")

_FILES = {
    (200, ZIP): OpenApiTypes.BINARY,
    (200, PEM): OpenApiTypes.STR,
    (200, PKCS12): OpenApiTypes.BINARY,
    (200, "application/json"): DownloadOutput,
}
_PARAMETERS = (
    query("format", "Of the file.", enum=FORMS, default="zip"),
    query(
        "include_private",
        "0 or 1: with the private key; if left out, where the caller may export it.",
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


class DownloadEndpoint(CertificateEndpoint):
    def found(self, name: str) -> Certificate:
        certificate: Certificate = self.find(self.get_queryset(), Verb.DOWNLOAD, name=name.lower())
        return certificate

    def bundle(self, certificate: Certificate, include_private: bool | None) -> Bundle:
        """The current bundle; None takes the key along if there is one that the actor may have."""
        by_session = not isinstance(self.request.auth, ApiToken)
        if include_private is None:
            version = certificate.current_version
            has_key = version is not None and version.has_private_key and not by_session
            include_private = has_key and self._may_export(certificate)
        if include_private and by_session:
            policy.require(self.actor, Verb.EXPORT_KEY, certificate)
            raise AccessDenied(
                "A private key does not leave by a session alone: use a token, or the admin, which "
                "asks for your password.",
                code="access.session",
            )
        return load_bundle(
            actor=self.actor, certificate=certificate, include_private=include_private
        )

    def _may_export(self, certificate: Certificate) -> bool:
        # What needs approval is handed out to who asks for it, and asked for nobody unasked.
        may = policy.allowed(self.actor, Verb.EXPORT_KEY, certificate)
        return may and not approvals.is_needed(Verb.EXPORT_KEY, certificate)


class Download(DownloadEndpoint):
    operations: ClassVar[Mapping[str, Operation]] = {
        "GET": Operation("download_certificate", _FILES, parameters=_PARAMETERS, fails=(503,)),
        "POST": Operation(
            "download_certificate_with_password", _FILES, DownloadInput, fails=(503,)
        ),
    }

    def get(self, request: Request, name: str) -> HttpResponseBase:
        """The bundle as a ZIP of PEM files, as one PEM file, as JSON or as PKCS#12."""
        certificate = self.found(name)
        form = request.query_params.get("format", "zip")
        if form not in FORMS:
            raise invalid_parameter("format", f"One of {', '.join(FORMS)}.")
        bundle = self.bundle(certificate, flag(request, "include_private"))
        return _packed(certificate, bundle, form, request.headers.get(PASSWORD_HEADER, ""))

    def post(self, request: Request, name: str) -> HttpResponseBase:
        """The same, with a password of the caller's own in the body."""
        certificate = self.found(name)
        values = self.input(request)
        bundle = self.bundle(certificate, values.get("include_private"))
        return _packed(certificate, bundle, values["format"], values.get("password", ""))


class DownloadPart(DownloadEndpoint):
    operations = {"GET": Operation("download_part", {(200, PEM): OpenApiTypes.STR}, fails=(503,))}

    def get(self, request: Request, name: str, part: str) -> HttpResponseBase:
        """One part: cert, chain, fullchain, privkey, or combined (the full chain and the key)."""
        certificate = self.found(name)
        if part not in PARTS:
            raise NotFound(f"The parts are {', '.join(PARTS)}.")
        bundle = self.bundle(certificate, part in WITH_KEY)
        return _pem(certificate, str(getattr(bundle, part)), part)


class DirectDownload(DownloadEndpoint):
    operations = {"GET": Operation("download_fullchain", {(200, PEM): OpenApiTypes.STR})}

    def get(self, request: Request, name: str) -> HttpResponseBase:
        """The full chain, as a server sends it."""
        certificate = self.found(name)
        return _pem(certificate, self.bundle(certificate, False).fullchain, "fullchain")


def _packed(certificate: Certificate, bundle: Bundle, form: str, password: str) -> HttpResponseBase:
    has_key = bundle.privkey is not None
    if form == "zip":
        return _file(certificate, pki_bundle.to_zip(bundle, include_private=has_key), ZIP, ".zip")
    if form == "pem":
        return _file(certificate, bundle.combined.encode(), PEM, ".pem")
    if form == "json":
        return _json(bundle)
    chosen = password or secrets.token_urlsafe(18)
    with invalid_input("password"):
        content = pki_bundle.to_pkcs12(bundle, password=chosen, name=certificate.name)
    response = _file(certificate, content, PKCS12, ".p12")
    if not password:
        response[PASSWORD_HEADER] = chosen
    return response


def _pem(certificate: Certificate, text: str, part: str) -> HttpResponse:
    return _file(certificate, text.encode(), PEM, f"-{part}.pem")


def _json(bundle: Bundle) -> JsonResponse:
    parts: dict[str, Any] = {
        "cert_pem": bundle.cert,
        "chain_pem": bundle.chain,
        "fullchain_pem": bundle.fullchain,
    }
    if bundle.privkey is not None:
        parts["private_key_pem"] = bundle.privkey
    return JsonResponse(parts, headers=_guarded())


def _file(certificate: Certificate, content: bytes, media_type: str, suffix: str) -> HttpResponse:
    # The names of certificates are safe as file names, but for the asterisk.
    name = f"{directory_name(certificate.name)}{suffix}"
    disposition = content_disposition_header(as_attachment=True, filename=name) or "attachment"
    return HttpResponse(
        content,
        content_type=media_type,
        headers={"Content-Disposition": disposition, **_guarded()},
    )


def _guarded() -> dict[str, str]:
    return {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
