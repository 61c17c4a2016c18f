"""Server certificates handed out (`certmate.rest.bundles`)."""

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request

from certificates.api.views import CertificateEndpoint
from certificates.models import Certificate
from certificates.services import load_bundle
from certmate.access.verbs import Verb
from certmate.pki.bundle import Bundle
from certmate.rest import bundles
from certmate.rest.views import Operation

_PEM = {(200, bundles.PEM): OpenApiTypes.STR}


class CertificateBundleEndpoint(CertificateEndpoint, bundles.BundleEndpoint):
    def found(self, name: str) -> Certificate:
        certificate: Certificate = self.find(self.get_queryset(), Verb.DOWNLOAD, name=name.lower())
        return certificate

    def has_key(self, row: Certificate) -> bool:
        return row.current_version is not None and row.current_version.has_private_key

    def load(self, row: Certificate, *, include_private: bool) -> Bundle:
        return load_bundle(actor=self.actor, certificate=row, include_private=include_private)


class Download(CertificateBundleEndpoint, bundles.Download):
    operations = bundles.downloads("certificate")


class DownloadPart(CertificateBundleEndpoint, bundles.DownloadPart):
    operations = {"GET": Operation("download_part", _PEM)}


class DirectDownload(CertificateBundleEndpoint):
    operations = {"GET": Operation("download_fullchain", _PEM)}

    def get(self, request: Request, name: str) -> HttpResponseBase:
        """The full chain, as a server sends it."""
        certificate = self.found(name)
        text = self.bundle(certificate, False).fullchain
        return bundles.pem_file(text, str(certificate), "fullchain")
