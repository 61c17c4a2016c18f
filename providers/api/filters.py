from typing import Any

from django_filters import rest_framework as filters
from rest_framework.request import Request

from certmate.rest.filters import PrefixSearchFilter, YesNoFilter
from providers.choices import AuthorityKind, EntryKind, EntryState
from providers.models import LedgerEntry


class AccountFilter(filters.FilterSet):  # type: ignore[misc]
    """Of accounts of either kind."""

    provider = filters.CharFilter()
    is_default = YesNoFilter()


class AuthorityFilter(filters.FilterSet):  # type: ignore[misc]
    kind = filters.ChoiceFilter(choices=AuthorityKind.choices)
    is_default = YesNoFilter()


class LedgerFilter(filters.FilterSet):  # type: ignore[misc]
    state = filters.ChoiceFilter(choices=EntryState.choices)
    kind = filters.ChoiceFilter(choices=EntryKind.choices)
    revoked = YesNoFilter(method="filter_revoked", label="It is on a CRL.")

    def filter_revoked(self, rows: Any, name: str, value: bool) -> Any:
        return rows.filter(revocation__isnull=not value)


class LedgerSearch(PrefixSearchFilter):
    """`?search=` for a whole serial number or hash of a public key, of one authority's rows."""

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        text = ledger_key(request.query_params.get("search", ""))
        if not text:
            return queryset
        # Each has an index, and no database sees by itself that both together are few rows.
        by_serial = queryset.order_by().filter(serial=text).values("pk")
        by_key = LedgerEntry.objects.order_by().filter(public_key_hash=text).values("pk")
        return queryset.filter(pk__in=by_serial.union(by_key))

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        (declared,) = super().get_schema_operation_parameters(view)
        return [declared | {"description": "A serial number or the hash of a public key, whole."}]


def ledger_key(text: str) -> str:
    """A serial number or hash as the ledger has it, of any way in which tools print it.

    No stored one has another length or character, so the rest is nothing that can be found.
    """
    plain = text.strip().lower().removeprefix("sha256:").removeprefix("0x").replace(":", "")
    return plain if plain.isascii() and plain.isprintable() and len(plain) <= 64 else "-"
