from django_filters import rest_framework as filters

from certmate.rest.filters import YesNoFilter


class AccountFilter(filters.FilterSet):  # type: ignore[misc]
    """Of accounts of either kind."""

    provider = filters.CharFilter()
    is_default = YesNoFilter()
