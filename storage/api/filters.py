from django_filters import rest_framework as filters

from certmate.rest.filters import YesNoFilter


class StorageTargetFilter(filters.FilterSet):  # type: ignore[misc]
    backend = filters.CharFilter()
    is_default = YesNoFilter()
