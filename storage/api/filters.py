from django_filters import rest_framework as filters

from certmate.rest.filters import YesNoFilter
from storage.choices import FindState, ItemState, MirrorState, WorkState


class StorageTargetFilter(filters.FilterSet):  # type: ignore[misc]
    backend = filters.CharFilter()
    is_default = YesNoFilter()


class StorageMigrationFilter(filters.FilterSet):  # type: ignore[misc]
    source = filters.CharFilter(field_name="source__name")
    state = filters.ChoiceFilter(choices=WorkState.choices)


class MigrationItemFilter(filters.FilterSet):  # type: ignore[misc]
    state = filters.ChoiceFilter(choices=ItemState.choices)


class StorageRebuildFilter(filters.FilterSet):  # type: ignore[misc]
    target = filters.CharFilter(field_name="target__name")
    state = filters.ChoiceFilter(choices=WorkState.choices)


class RebuildItemFilter(filters.FilterSet):  # type: ignore[misc]
    state = filters.ChoiceFilter(choices=FindState.choices)


class MirrorFilter(filters.FilterSet):  # type: ignore[misc]
    name = filters.CharFilter()
    source = filters.CharFilter(field_name="source__name")
    target = filters.CharFilter(field_name="target__name")
    state = filters.ChoiceFilter(choices=MirrorState.choices)
