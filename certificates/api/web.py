"""The same calls under the paths that the specification gives its web pages."""

from dataclasses import replace

from certificates.api import downloads, views
from certmate.rest.views import Operation


def _again(operation: Operation) -> Operation:
    """The operation under a name of its own, as OpenAPI demands."""
    return replace(operation, id=f"web_{operation.id}")


class List(views.CertificateList):
    operations = {"GET": _again(views.CertificateList.operations["GET"])}


class Create(views.CertificateCreate):
    operations = {"POST": _again(views.CertificateCreate.operations["POST"])}


class Renew(views.Renew):
    operations = {"POST": _again(views.Renew.operations["POST"])}


class Download(downloads.Download):
    operations = {
        method: _again(operation) for method, operation in downloads.Download.operations.items()
    }
