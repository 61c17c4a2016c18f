"""Gives each request its id and makes it the context of audit rows and log lines."""

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from certmate.audit.context import Context, running

_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{8,64}")


def request_context_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Take over a well-formed X-Request-ID of the caller, or make one, and send it back."""

    def middleware(request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _ACCEPTABLE.fullmatch(given) else uuid.uuid4().hex
        with running(Context(request_id=request_id, request=request)):
            response = get_response(request)
        response["X-Request-ID"] = request_id
        return response

    return middleware
