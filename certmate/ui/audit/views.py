"""What the log's page does besides listing: exports, and searches that are kept."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.urls import reverse

from certmate.audit.models import SavedSearch
from certmate.audit.queries import FILTERS
from certmate.audit.searches import delete_search, save_search
from certmate.audit.streams import streamed
from certmate.core.errors import CertMateError
from certmate.ui.audit.filtering import FilterForm

LIST = "admin:audit_event_changelist"


def require_reader(is_reader: bool) -> None:
    """Raises PermissionDenied for whoever may not see the list."""
    if not is_reader:
        raise PermissionDenied


def searches_of(request: HttpRequest) -> list[SavedSearch]:
    """The person's own."""
    return list(SavedSearch.objects.filter(owner=_person(request)))


def filters_of(request: HttpRequest) -> str:
    """The filters of the address, without pages and what is empty."""
    return urlencode([(k, v) for k, v in request.GET.items() if k in FILTERS and v])


def export(request: HttpRequest, form: str) -> Any:
    """The filtered list as a stream."""
    filters = FilterForm(request.GET)
    wanted = filters.wanted()
    if form not in ("jsonl", "csv") or filters.errors:
        raise Http404
    return streamed(form, wanted)


def save(request: HttpRequest) -> HttpResponse:
    """Keep the filters under a name."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    query = request.POST.get("query", "")
    try:
        search = save_search(owner=_person(request), name=request.POST.get("name", ""), query=query)
    except CertMateError as error:
        messages.error(request, error.detail)
        return HttpResponseRedirect(f"{reverse(LIST)}?{query}")
    messages.success(request, f"{search.name} was saved.")
    return HttpResponseRedirect(f"{reverse(LIST)}?{search.query}")


def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget one of the person's own searches."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    delete_search(owner=_person(request), pk=pk)
    return HttpResponseRedirect(reverse(LIST))


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - admin_view has seen to it.
    return request.user
