"""Files that a page hands out."""

from django.http import HttpResponse
from django.utils.http import content_disposition_header


def attachment(content: bytes, media_type: str, name: str) -> HttpResponse:
    """The file under this name, which no cache keeps."""
    disposition = content_disposition_header(as_attachment=True, filename=name) or "attachment"
    return HttpResponse(
        content,
        content_type=media_type,
        headers={"Content-Disposition": disposition, "Cache-Control": "no-store"},
    )
