"""Problem documents (RFC 9457): the one place where an error becomes an answer of the API.

`type` names the code (docs/errors.md) and not a page of this installation, so that a client may
compare it. What nobody expected is a 500 that says nothing about itself; the log has it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from math import ceil
from typing import Any

from django.core import exceptions as django
from django.http import Http404
from rest_framework import exceptions as drf
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import set_rollback

from certmate.access.services.approvals import ApprovalNeeded
from certmate.audit.denials import denied
from certmate.core import errors
from certmate.rest.access.waiting import approval_url, waiting

CONTENT_TYPE = "application/problem+json"

TITLES = {
    400: "The request is not valid",
    401: "Authentication is needed",
    403: "Not permitted",
    404: "Not found",
    405: "Method not allowed",
    409: "The present state forbids this",
    413: "The request is too large",
    415: "Unsupported media type",
    422: "Another system refused the work",
    429: "Too many requests",
    500: "CertMate failed",
    503: "Not available now",
}

_STATUSES: tuple[tuple[type[errors.CertMateError], int], ...] = (
    (ApprovalNeeded, 403),
    (errors.InvalidRequest, 400),
    (errors.AccessDenied, 403),
    (errors.NotFound, 404),
    (errors.Conflict, 409),
    (errors.LeaseLost, 409),
    (errors.UpstreamRejected, 422),
    (errors.UpstreamUnavailable, 503),
)

_CODES = {
    "authentication_failed": "auth.invalid",
    "csrf": "access.csrf",
    "error": "internal",
    "method_not_allowed": "request.method",
    "not_authenticated": "auth.required",
    "not_found": "request.not_found",
    "parse_error": "request.malformed",
    "permission_denied": "access.denied",
    "throttled": "request.throttled",
    "unsupported_media_type": "request.media_type",
}

# Codes of single field errors that are worth being the code of the whole.
_TELLING = ("unknown_parameter", "unknown_field")

_LONGEST_DETAIL = 1000

_REFUSALS = ("access.denied", "access.scope", "access.session", "access.gain", "request.not_found")
"""What the audit log hears of. A missing object counts like a hidden one (`audit.denials`)."""


@dataclass(frozen=True)
class Problem:
    """What went wrong, for a program and for a person. `more` are members of this kind alone."""

    status: int
    code: str
    detail: str
    errors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    retry_after: timedelta | None = None
    identifiers: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The members; those that say nothing are left out."""
        optional = {
            "errors": dict(self.errors),
            "retry_after": self._seconds(),
            "identifiers": dict(self.identifiers),
            **self.more,
        }
        return {
            "type": f"urn:certmate:error:{self.code}",
            "title": TITLES.get(self.status, "The request failed"),
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        } | {name: value for name, value in optional.items() if value}

    def headers(self) -> dict[str, str]:
        seconds = self._seconds()
        return {"Retry-After": str(seconds)} if seconds else {}

    def _seconds(self) -> int | None:
        return None if self.retry_after is None else max(1, ceil(self.retry_after.total_seconds()))

    def response(self, headers: Mapping[str, str] | None = None) -> Response:
        return Response(
            self.document(),
            status=self.status,
            headers=self.headers() | dict(headers or {}),
            content_type=CONTENT_TYPE,
        )


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """The answer to what a view raised; None for what nobody expected: that is a 500."""
    request = context.get("request")
    if isinstance(exc, ApprovalNeeded) and not exc.is_ticket and request is not None:
        return waiting(request, exc)
    problem = _problem(exc)
    if problem is None:
        return None
    if isinstance(exc, ApprovalNeeded) and request is not None:
        problem = replace(problem, more={"approval": approval_url(request, exc.approval)})
    set_rollback()
    if request is not None and problem.code in _REFUSALS:
        denied(code=problem.code, path=request.path)
    if request is not None:
        # Whatever a view renders otherwise (YAML, HTML), its problems are JSON.
        request.accepted_renderer = JSONRenderer()
        request.accepted_media_type = JSONRenderer.media_type
    auth_header = getattr(exc, "auth_header", "")
    return problem.response({"WWW-Authenticate": auth_header} if auth_header else None)


def _problem(exc: Exception) -> Problem | None:
    makers = ((kind, make) for kind, make in _MAKERS if isinstance(exc, kind))
    found = next(makers, None)
    return found[1](exc) if found else None


def of_error(error: errors.CertMateError) -> Problem:
    """The problem document of one of our own errors, whose words are safe to show."""
    return Problem(
        status=next((status for kind, status in _STATUSES if isinstance(error, kind)), 500),
        code=error.code,
        detail=error.detail,
        errors={error.field: [error.detail]} if error.field else {},
        retry_after=error.retry_after,
        identifiers=error.identifiers,
    )


def _of_input(exc: drf.ValidationError) -> Problem:
    found = list(_flat(exc.detail))
    codes = {message.code for _, message in found}
    telling = next((code for code in _TELLING if code in codes), "invalid")
    return _of_fields(400, f"request.{telling}", [(name, str(message)) for name, message in found])


def _of_model(exc: django.ValidationError) -> Problem:
    is_by_field = hasattr(exc, "error_dict")
    by_field = exc.error_dict if is_by_field else {django.NON_FIELD_ERRORS: exc.error_list}
    found = [(name, error) for name, errors_of in by_field.items() for error in errors_of]
    is_taken = bool(found) and all(error.code == "unique" for _, error in found)
    status, code = (409, "request.taken") if is_taken else (400, "request.invalid")
    told = [
        ("" if name == django.NON_FIELD_ERRORS else name, message)
        for name, error in found
        for message in error.messages
    ]
    return _of_fields(status, code, told)


def _of_fields(status: int, code: str, told: Sequence[tuple[str, str]]) -> Problem:
    by_field: dict[str, list[str]] = {}
    # Half of a surrogate pair is no character, and an answer that repeats it could not be sent.
    told = [(name, message.encode(errors="replace").decode()) for name, message in told]
    for name, message in told:
        if name:
            by_field.setdefault(name, []).append(message)
    detail = " ".join(f"{name}: {message}" if name else message for name, message in told)
    return Problem(status, code, detail[:_LONGEST_DETAIL], errors=by_field)


def _flat(detail: Any, path: str = "") -> Iterator[tuple[str, drf.ErrorDetail]]:
    """Nested errors as dotted names, such as `san_domains.3`; "" is the request as a whole."""
    if isinstance(detail, drf.ErrorDetail):
        yield path, detail
    elif isinstance(detail, Mapping):
        for name, inner in detail.items():
            is_whole = name in ("non_field_errors", "__all__")
            yield from _flat(inner, path if is_whole else f"{path}.{name}".lstrip("."))
    else:
        for inner in detail:
            yield from _flat(inner, path)


def _of_framework(exc: drf.APIException) -> Problem:
    code = str(exc.get_codes())
    wait = getattr(exc, "wait", None)
    return Problem(
        status=exc.status_code,
        code=_CODES.get(code, f"request.{code}"),
        detail=str(exc.detail),
        retry_after=None if wait is None else timedelta(seconds=wait),
    )


# The first that fits.
_MAKERS: tuple[tuple[type[Exception], Callable[[Any], Problem]], ...] = (
    (errors.CertMateError, of_error),
    (drf.ValidationError, _of_input),
    (django.ValidationError, _of_model),
    (Http404, lambda _: Problem(404, "request.not_found", "There is nothing at this address.")),
    (django.PermissionDenied, lambda _: Problem(403, "access.denied", "You may not do this.")),
    (drf.APIException, _of_framework),
)
