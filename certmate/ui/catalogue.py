"""Add pages for what is of a kind: first the kind is chosen from its catalogue, then its fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from certmate.ui.base import M
from certmate.ui.forms import ServiceForm
from certmate.ui.objects import ServiceAdmin

SEARCHED_FROM = 30
"""A catalogue of more kinds has a search box."""


@dataclass(frozen=True)
class Kind:
    """An entry of the catalogue as the first step shows it."""

    slug: str
    label: str
    about: str = ""
    docs_url: str = ""
    is_well_known: bool = False


class CatalogueAdmin(ServiceAdmin[M]):
    """`?kind=slug` names the kind; without it the add page lists the catalogue, what is well known
    first. Needs no script.
    """

    choose_title: ClassVar[str] = ""

    def kinds(self) -> Sequence[Kind]:
        """The catalogue, in the order in which it is shown."""
        raise NotImplementedError

    def form_for(
        self, slug: str, data: Mapping[str, Any] | None, request: HttpRequest
    ) -> ServiceForm:
        """The add form for that kind."""
        raise NotImplementedError

    def add_form(self, request: HttpRequest, data: Any) -> ServiceForm:
        return self.form_for(request.GET["kind"], data, request)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        kinds = {kind.slug: kind for kind in self.kinds()}
        kind = kinds.get(request.GET.get("kind", ""))
        if kind is None:
            query = request.GET.get("q", "").strip()
            return self.page(
                request,
                "certmate/choose.html",
                title=self.choose_title,
                groups=_groups(list(kinds.values()), query),
                query=query,
                is_long=len(kinds) > SEARCHED_FROM,
            )
        context: dict[str, Any] = {"title": f"Add {self.opts.verbose_name}", "kind": kind}
        return super().add_view(request, form_url, context | (extra_context or {}))


def _groups(kinds: list[Kind], query: str) -> list[tuple[str, list[Kind]]]:
    """Headings with what stands below them; one list needs none, such as what was searched for."""
    known = [kind for kind in kinds if kind.is_well_known]
    others = [kind for kind in kinds if not kind.is_well_known]
    if query or not known:
        found = [kind for kind in kinds if _matches(kind, query)]
        return [("", found)] if found else []
    return [("Well known", known), ("All others", others)]


def _matches(kind: Kind, query: str) -> bool:
    return query.lower() in f"{kind.label} {kind.slug}".lower()
