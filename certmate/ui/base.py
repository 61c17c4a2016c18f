"""The ground of every admin page: what is seen and done is asked of `certmate.access.policy` alone.

Knows no app. A list made from here costs the same for fifty rows as for a million: no count over
the whole table, no facets, no query a row.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db import models
from django.db.models.constants import LOOKUP_SEP
from django.forms import ModelChoiceField, ModelMultipleChoiceField
from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb
from certmate.ui.paginator import BoundedPaginator

M = TypeVar("M", bound=models.Model)

COMPARISONS = frozenset({"", "exact", "in", "isnull", "gt", "gte", "lt", "lte"})
"""How the columns of filters may be compared in an address."""

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
else:

    class ModelAdmin(Generic[M], admin.ModelAdmin):
        """What the type stubs promise: `ModelAdmin[Certificate]`."""


@dataclass(frozen=True)
class EmptyState:
    """What a list without rows says: what the thing is for, and where to begin."""

    title: str
    text: str = ""
    link: str = ""
    label: str = ""


class PolicyChangeList(ChangeList):
    """A list that leaves out the heavy columns and is named for what it lists."""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        label = self.model_admin.nav_label  # type: ignore[attr-defined]
        self.title = label or capfirst(str(self.opts.verbose_name_plural))
        self.is_narrowed = bool(self.query or self.get_filters_params())
        self.empty_state = self.model_admin.empty_state(request)  # type: ignore[attr-defined]

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str | None] | None = None
    ) -> models.QuerySet[Any]:
        rows = super().get_queryset(request, exclude_parameters)
        page = self.model_admin
        return page.list_queryset(rows.defer(*page.deferred))  # type: ignore[attr-defined,no-any-return]


class PolicyAdmin(ModelAdmin[M]):
    """Permission by policy, lists that stay fast, hidden objects that do not exist (404)."""

    nav_group: ClassVar[str] = ""
    nav_order: ClassVar[int] = 9
    nav_label: ClassVar[str] = ""
    """What the navigation calls the list, if not by the model's name."""
    deferred: ClassVar[tuple[str, ...]] = ()
    """Columns that no list shows: PEM, JSON."""
    filter_lookups: ClassVar[tuple[str, ...]] = ()
    """Columns that links filter the list by, beside those of `list_filter`."""

    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator
    view_on_site = False

    def actor(self, request: HttpRequest) -> Actor:
        return Actor.of(request.user)

    def may(self, request: HttpRequest, verb: Verb, obj: models.Model | None = None) -> bool:
        """May the user do this to the object; without one, to any object at all?"""
        if obj is not None:
            return policy.allowed(self.actor(request), verb, obj)
        return policy.possible(self.actor(request), verb, self.model)

    def has_view_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return self.may(request, Verb.VIEW, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return policy.possible(self.actor(request), Verb.REQUEST, self.model)

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return self.may(request, Verb.CHANGE, obj)

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return self.may(request, Verb.DELETE, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request) or self.has_add_permission(request)

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        """What the navigation needs to know, and nothing that costs another query."""
        view, add = self.has_view_permission(request), self.has_add_permission(request)
        return {"view": view, "add": add, "change": False, "delete": False}

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[M]:
        rows = super().get_queryset(request)
        narrow = policy.listed if self._is_list(request) else policy.visible
        return narrow(self.actor(request), rows)

    def _is_list(self, request: HttpRequest) -> bool:
        name = f"{self.opts.app_label}_{self.opts.model_name}_changelist"
        return request.resolver_match is not None and request.resolver_match.url_name == name

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only what the page offers as a filter: any other column would answer guesses at what no
        list shows, such as the digest of a token or the name of a hidden account.
        """
        name, _, comparison = lookup.partition(LOOKUP_SEP)
        field = self._filterable(request).get(name)
        if field is None:
            return False
        key = f"{field.target_field.name}__exact" if getattr(field, "many_to_one", False) else ""
        return comparison in {*COMPARISONS, key}

    def _filterable(self, request: HttpRequest | None) -> dict[str, Any]:
        """The parameters of the list: a column's with the column."""
        assert request is not None  # noqa: S101 - Django 5.2 gives it.
        known: dict[str, Any] = {}
        for item in self.get_list_filter(request):
            if isinstance(item, type) and issubclass(item, admin.SimpleListFilter):
                known[str(item.parameter_name)] = item
            else:
                name = str(item[0] if isinstance(item, list | tuple) else item)
                known[name] = self.opts.get_field(name)
        hung = (*getattr(self.model, "access_parents", ()), getattr(self.model, "access_via", ""))
        columns = filter(None, (*hung, *self.filter_lookups))
        return known | {name: self.opts.get_field(name) for name in columns}

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> M:
        found = super().get_object(request, object_id, from_field)
        if found is None:
            raise Http404(f"There is no such {self.opts.verbose_name}.")
        return found

    def list_queryset(self, rows: models.QuerySet[M]) -> models.QuerySet[M]:
        """The rows of the list with what its columns show beside their own."""
        return rows

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PolicyChangeList

    def get_paginator(
        self,
        request: HttpRequest,
        queryset: models.QuerySet[Any],
        per_page: int,
        orphans: int = 0,
        allow_empty_first_page: bool = True,
    ) -> BoundedPaginator:
        text = request.GET.get("p", "1")
        page = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 1
        return BoundedPaginator(queryset, per_page, orphans, allow_empty_first_page, page=page)

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> "ModelChoiceField[Any] | None":
        kwargs.setdefault("queryset", self._pickable(db_field, request))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> "ModelMultipleChoiceField[Any] | None":
        kwargs.setdefault("queryset", self._pickable(db_field, request))
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def _pickable(self, db_field: Any, request: HttpRequest) -> models.QuerySet[Any]:
        """Nobody picks what he may not see."""
        related = db_field.remote_field.model._default_manager.all()
        return policy.visible(self.actor(request), related)

    def empty_state(self, request: HttpRequest) -> EmptyState:
        """What the list says while there is nothing at all."""
        plural = str(self.opts.verbose_name_plural)
        if not self.has_add_permission(request):
            return EmptyState(f"No {plural}", "None that you may see.")
        label = f"Add {self.opts.verbose_name}"
        return EmptyState(f"No {plural} yet", link=self.url("add"), label=label)

    def linked(self, request: HttpRequest, obj: models.Model) -> SafeString | str:
        """The object's name; as a link, if the user may see its page."""
        if not policy.allowed(self.actor(request), Verb.VIEW, obj):
            return str(obj)
        return format_html('<a href="{}">{}</a>', admin_url(obj), obj)

    def url(self, page: str, obj: models.Model | None = None, **query: str) -> str:
        """The address of a page of this model: `add`, `changelist`, `change`, or a tool's name."""
        return admin_url(obj or self.model, page, **query)


def admin_url(target: models.Model | type[models.Model], page: str = "change", **query: str) -> str:
    """The address of a page of a model or object in the admin."""
    opts = target._meta
    args = [target.pk] if isinstance(target, models.Model) else []
    address = reverse(f"admin:{opts.app_label}_{opts.model_name}_{page}", args=args)
    return f"{address}?{urlencode(query)}" if query else address


def audit_url(obj: models.Model) -> str:
    """The audit log, narrowed to one object."""
    query = {"object_kind": obj._meta.label_lower, "object_pk": str(obj.pk)}
    return f"{reverse('admin:audit_event_changelist')}?{urlencode(query)}"
