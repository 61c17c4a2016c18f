"""What lists of certificates and orders can be narrowed by."""

from typing import Any

from django.db.models import Q
from django_filters import rest_framework as filters

from certificates.choices import CertificateState, OrderKind, OrderState
from certmate.core import clock
from certmate.rest.filters import YesNoFilter
from providers.models import Authority, CAAccount


class CertificateFilter(filters.FilterSet):  # type: ignore[misc]
    state = filters.ChoiceFilter(choices=CertificateState.choices)
    auto_renew = YesNoFilter()
    expires_before = filters.IsoDateTimeFilter(field_name="expires_at", lookup_expr="lt")
    expires_after = filters.IsoDateTimeFilter(field_name="expires_at", lookup_expr="gt")
    ca = filters.CharFilter(method="filter_ca", label="The CA account's or authority's name.")
    authority = filters.CharFilter(field_name="authority__name", label="The authority's name.")
    dns = filters.CharFilter(field_name="dns_account__name", label="The DNS account's name.")
    team = filters.CharFilter(field_name="team__name", label="The owning team's name.")
    needs_renewal = YesNoFilter(method="filter_needs_renewal", label="Its renewal is due.")
    paused = YesNoFilter(method="filter_paused", label="It waits for somebody to resume it.")

    def filter_ca(self, rows: Any, name: str, value: str) -> Any:
        # By keys and not by joins, which no index of one table would answer.
        account = CAAccount.objects.filter(name=value).values("pk")
        authority = Authority.objects.filter(name=value).values("pk")
        return rows.filter(Q(ca_account__in=account) | Q(authority__in=authority))

    def filter_needs_renewal(self, rows: Any, name: str, value: bool) -> Any:
        due = Q(state=CertificateState.ACTIVE, renew_at__lte=clock.now())
        return rows.filter(due) if value else rows.exclude(due & Q(renew_at__isnull=False))

    def filter_paused(self, rows: Any, name: str, value: bool) -> Any:
        return rows.filter(paused_at__isnull=not value)


class OrderFilter(filters.FilterSet):  # type: ignore[misc]
    state = filters.ChoiceFilter(choices=OrderState.choices)
    kind = filters.ChoiceFilter(choices=OrderKind.choices)
    certificate = filters.CharFilter(
        field_name="certificate__name", label="The certificate's name."
    )
