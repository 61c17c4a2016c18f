"""What lists of identities, client certificates, enrolments and batches can be narrowed by."""

from typing import Any

from django_filters import rest_framework as filters

from certmate.rest.filters import YesNoFilter
from clients.choices import (
    BatchState,
    ClientState,
    EnrolmentState,
    IdentityKind,
    Method,
    RowState,
)


class IdentityFilter(filters.FilterSet):  # type: ignore[misc]
    kind = filters.ChoiceFilter(choices=IdentityKind.choices)
    team = filters.CharFilter(field_name="team__name", label="The owning team's name.")


class ClientCertificateFilter(filters.FilterSet):  # type: ignore[misc]
    state = filters.ChoiceFilter(choices=ClientState.choices)
    certificate_type = filters.CharFilter(label="As profiles say, such as client.")
    method = filters.ChoiceFilter(choices=Method.choices)
    authority = filters.CharFilter(field_name="authority__name", label="The authority's name.")
    profile = filters.CharFilter(field_name="profile__name", label="The profile's name.")
    identity = filters.CharFilter(field_name="identity__name", label="The holder's name.")
    team = filters.CharFilter(field_name="team__name", label="The owning team's name.")
    common_name = filters.CharFilter(lookup_expr="startswith", label="What it starts with.")
    expires_before = filters.IsoDateTimeFilter(field_name="expires_at", lookup_expr="lt")
    expires_after = filters.IsoDateTimeFilter(field_name="expires_at", lookup_expr="gt")
    needs_action = YesNoFilter(method="filter_needs_action", label="Somebody has to act.")

    def filter_needs_action(self, rows: Any, name: str, value: bool) -> Any:
        return rows.filter(notice_at__isnull=not value)


class EnrolmentFilter(filters.FilterSet):  # type: ignore[misc]
    state = filters.ChoiceFilter(choices=EnrolmentState.choices)
    identifier = filters.CharFilter(label="Of the certificate that is asked for.")


class BatchFilter(filters.FilterSet):  # type: ignore[misc]
    state = filters.ChoiceFilter(choices=BatchState.choices)


class BatchRowFilter(filters.FilterSet):  # type: ignore[misc]
    state = filters.ChoiceFilter(choices=RowState.choices)
