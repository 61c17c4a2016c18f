"""Orders: how far they are, what went wrong, tried again or given up."""

from typing import Any

from django.db import models
from rest_framework.request import Request
from rest_framework.response import Response

from certificates import services
from certificates.api.filters import OrderFilter
from certificates.api.outputs import OrderDetailOutput, OrderLogOutput, OrderOutput, order_url
from certificates.models import Order
from certmate.rest.serializers import Nothing
from certmate.rest.views import Endpoint, Operation

LOG_LINES = 500


class OrderEndpoint(Endpoint):
    tag = "orders"

    def get_queryset(self) -> models.QuerySet[Order]:
        # The account's secrets and the CSR have no business here.
        related = ("certificate", "ca_account", "authority", "profile", "dns_account")
        return (
            Order.objects.with_proofs()
            .select_related(*related)
            .defer(
                "csr",
                "certificate__csr",
                "ca_account__account_key",
                "ca_account__eab",
                "ca_account__trust_bundle",
                "dns_account__credentials",
            )
        )

    def shown(self, order: Order) -> dict[str, Any]:
        lines = list(order.log.order_by("-id")[:LOG_LINES])
        log = OrderLogOutput()
        order_data = OrderDetailOutput(context={"request": self.request}).represent(order)
        return order_data | {"log": [log.represent(line) for line in reversed(lines)]}


class Orders(OrderEndpoint):
    operations = {"GET": Operation("list_orders", {200: OrderOutput(many=True)})}
    orderings = {"created_at": "id"}
    default_ordering = "-created_at"
    filterset_class = OrderFilter

    def get(self, request: Request) -> Response:
        """One page of orders, the newest first, without their logs."""
        return self.page(
            self.visible(self.get_queryset()), OrderOutput(context={"request": request})
        )


class OrderById(OrderEndpoint):
    operations = {"GET": Operation("get_order", {200: OrderDetailOutput})}

    def get(self, request: Request, pk: int) -> Response:
        """The order with its log."""
        return Response(self.shown(self.find(self.get_queryset(), pk=pk)))


class RetryOrder(OrderEndpoint):
    operations = {"POST": Operation("retry_order", {202: OrderDetailOutput}, Nothing)}

    def post(self, request: Request, pk: int) -> Response:
        """Try a failed or waiting order again now."""
        order = self.find(self.get_queryset(), pk=pk)
        self.input(request)
        services.retry_order(actor=self.actor, order=order)
        again = self.find(self.get_queryset(), pk=pk)
        return Response(self.shown(again), 202, headers={"Location": order_url(request, again)})


class CancelOrder(OrderEndpoint):
    operations = {"POST": Operation("cancel_order", {200: OrderDetailOutput}, Nothing)}

    def post(self, request: Request, pk: int) -> Response:
        """Give up an open order. Work that is under way stops within seconds."""
        order = self.find(self.get_queryset(), pk=pk)
        self.input(request)
        services.cancel_order(actor=self.actor, order=order)
        return Response(self.shown(self.find(self.get_queryset(), pk=pk)))
