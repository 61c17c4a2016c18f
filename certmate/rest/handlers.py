"""Django's error handlers: what happens outside of a view, or what no view expected, as a problem
document for programs and as a page for people.
"""

import logging
import sqlite3
import sys
from datetime import timedelta

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader
from django.views import defaults

from certmate.audit.denials import denied
from certmate.rest.problems import CONTENT_TYPE, Problem

logger = logging.getLogger(__name__)

_DATABASE_WAIT = timedelta(seconds=5)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400: a host that is not ours, a cookie that was tampered with."""
    if not _wants_problem(request):
        return defaults.bad_request(request, exception)
    return _plain(Problem(400, "request.malformed", "The request could not be understood."))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler403."""
    denied(code="access.denied", path=request.path)
    if not _wants_problem(request):
        return defaults.permission_denied(request, exception)
    return _plain(Problem(403, "access.denied", "You may not do this."))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    match = request.resolver_match
    if match is not None and "admin" in match.namespaces:
        denied(code="request.not_found", path=request.path)
    if not _wants_problem(request):
        return defaults.page_not_found(request, exception)
    return _plain(Problem(404, "request.not_found", "There is nothing at this address."))


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500, called with the exception at hand; it has logged what is not ours."""
    error = sys.exc_info()[1]
    if _is_database_away(error):
        logger.warning("The database is away: %s", error)
        return _database_away(request)
    if not _wants_problem(request):
        return defaults.server_error(request)
    return _plain(Problem(500, "internal", "CertMate failed; its log has the details."))


def _is_database_away(error: BaseException | None) -> bool:
    """Whether the database was locked, full or away, and not asked for nonsense."""
    if not isinstance(error, OperationalError | InterfaceError):
        return False
    # https://sqlite.org/rescode.html: the generic one is for statements that are wrong.
    return getattr(error.__cause__, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR


def _database_away(request: HttpRequest) -> HttpResponse:
    problem = Problem(
        503,
        "database.unavailable",
        "The database does not answer now. Try again.",
        retry_after=_DATABASE_WAIT,
    )
    if _wants_problem(request):
        return _plain(problem)
    page = loader.get_template("503.html").render()
    return HttpResponse(page, status=503, headers=problem.headers())


def _wants_problem(request: HttpRequest) -> bool:
    if request.path_info.startswith("/api/") or request.path_info.endswith("/tls"):
        return True
    return request.get_preferred_type(["text/html", "application/json", CONTENT_TYPE]) not in (
        "text/html",
        None,
    )


def _plain(problem: Problem) -> HttpResponse:
    return JsonResponse(
        problem.document(),
        status=problem.status,
        headers=problem.headers(),
        content_type=CONTENT_TYPE,
    )
