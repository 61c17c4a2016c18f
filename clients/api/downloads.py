"""Client certificates handed out (`certmate.rest.bundles`)."""

from drf_spectacular.types import OpenApiTypes

from certmate.access.verbs import Verb
from certmate.pki.bundle import Bundle
from certmate.rest import bundles
from certmate.rest.views import Operation
from clients.api.certificates import ClientEndpoint
from clients.models import ClientCertificate
from clients.services import load_client_bundle


class ClientBundleEndpoint(ClientEndpoint, bundles.BundleEndpoint):
    def found(self, name: str, verb: Verb = Verb.DOWNLOAD) -> ClientCertificate:
        return super().found(name, verb)

    def has_key(self, row: ClientCertificate) -> bool:
        return row.current_version is not None and row.current_version.has_private_key

    def load(self, row: ClientCertificate, *, include_private: bool) -> Bundle:
        return load_client_bundle(
            actor=self.actor, certificate=row, include_private=include_private
        )


class ClientDownload(ClientBundleEndpoint, bundles.Download):
    operations = bundles.downloads("client_certificate")


class ClientDownloadPart(ClientBundleEndpoint, bundles.DownloadPart):
    operations = {"GET": Operation("download_client_part", {(200, bundles.PEM): OpenApiTypes.STR})}
