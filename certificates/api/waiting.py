"""The answer to a call that places an order: at once, or when the order has come to something.

`?wait=SECONDS` looks at the order's row from time to time. No transaction is open meanwhile, and
the order goes on whether or not the caller does.
"""

from math import ceil
from time import sleep

from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from certificates.api.outputs import CertificateDetailOutput, certificate_url, order_url
from certificates.choices import OrderState
from certificates.models import Certificate, Order
from certificates.remedies import remedy
from certmate.core import clock
from certmate.rest.pagination import whole_number
from certmate.rest.problems import Problem
from certmate.rest.views import query

STEP_SECONDS = 0.25
LONGEST_WAIT = 300

_RELATED = ("ca_account", "authority", "profile", "dns_account")

WAIT = query(
    "wait",
    "Wait this many seconds, at most 300, for the order to end; then the failure is the answer, "
    "or 202 if it has not ended.",
    OpenApiTypes.INT,
)


def seconds_to_wait(request: Request) -> int:
    """How long the caller wants to wait; it may be malformed, so read it before all else."""
    return whole_number(request, "wait", 0, high=LONGEST_WAIT)


def answer(request: Request, order: Order, *, wait: int, done: int) -> Response:
    """The certificate with its order: status `done` when it has succeeded, 202 while it is open.

    A failure, or an attempt that will be repeated, is a problem document with the order's URL.
    """
    order = _ended(order.pk, wait)
    if wait and order.state in (OrderState.FAILED, OrderState.WAITING, OrderState.CANCELLED):
        return failure(request, order).response()
    succeeded = order.state == OrderState.SUCCEEDED
    certificate = Certificate.objects.select_related(
        *_RELATED, "storage_target", "current_version"
    ).get(pk=order.certificate_id)
    shown = CertificateDetailOutput(context={"request": request, "order": order})
    location = certificate_url(request, certificate) if succeeded else order_url(request, order)
    status = done if succeeded else 202
    return Response(shown.represent(certificate), status, headers={"Location": location})


def failure(request: Request, order: Order) -> Problem:
    """What a waiting caller is told of an order that did not succeed."""
    code, status = order.error_code, 422
    if order.state == OrderState.CANCELLED:
        code, status = "order.cancelled", 409
    elif order.state == OrderState.WAITING:
        status = 503
    elif code.startswith("internal"):
        status = 500
    is_waiting = order.state == OrderState.WAITING
    return Problem(
        status=status,
        code=code,
        detail="The order was cancelled." if status == 409 else order.error_detail,
        identifiers=order.error_identifiers,
        retry_after=order.next_attempt_at - clock.now() if is_waiting else None,
        more={"remedy": remedy(code), "order": order_url(request, order)},
    )


def _ended(order_id: int, wait: int) -> Order:
    under_way = (OrderState.QUEUED, OrderState.RUNNING)
    for _ in range(ceil(wait / STEP_SECONDS)):
        if not Order.objects.filter(pk=order_id, state__in=under_way).exists():
            break
        sleep(STEP_SECONDS)
    return Order.objects.with_proofs().select_related("certificate", *_RELATED).get(pk=order_id)
