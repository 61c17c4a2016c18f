"""Placing an order: the row that the queue is made of, and the message that wakes a worker."""

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from certificates.choices import OPEN_STATES, OrderKind, OrderState, OrderStep
from certificates.models import Certificate, Order, OrderProof, Version
from certificates.services.turns import turn_of
from certificates.services.wanted import dns_accounts_for
from certmate.access.actors import Actor
from certmate.access.services.approvals import Permit
from certmate.audit.context import request_id
from certmate.audit.services import record
from certmate.core import clock
from certmate.core.errors import Conflict, NotFound
from certmate.core.jobs import enqueue_on_commit
from providers import issuers
from providers.models import DNSAccount

RUN_ORDER = "certificates.run_order"
REQUESTED = {
    OrderKind.ISSUE: "certificate.requested",
    OrderKind.RENEW: "certificate.renewal_requested",
    OrderKind.REISSUE: "certificate.reissue_requested",
    OrderKind.REVOKE: "certificate.revocation_requested",
}


def place_order(
    certificate: Certificate,
    kind: OrderKind,
    *,
    actor: Actor,
    wanted: dict[str, Any] | None = None,
    version: Version | None = None,
    reason: str = "",
    permit: Permit | None = None,
) -> Order:
    """Open an order for exactly what is wanted (by default what the certificate says), and use up
    the permit for it.

    Raises Conflict (`order.open`) if the certificate has an open one; the database decides.
    """
    # Not from the caller's copy: an order may have changed the certificate since it was read.
    fields = dict(wanted or current_wish(as_now(certificate)))
    fields["names_dns_account"] = fields["dns_account"] is not None
    shares: Sequence[tuple[DNSAccount, Sequence[str]]] = ()
    if kind != OrderKind.REVOKE:
        # Renewing what is there needs no right to the account that serves its zone.
        chooser = Actor.system() if kind == OrderKind.RENEW else actor
        shares = dns_accounts_for(chooser, fields)
        fields["dns_account"] = shares[0][0] if len(shares) == 1 else None
    try:
        with transaction.atomic():
            order = Order.objects.create(
                **fields,
                certificate=certificate,
                kind=kind,
                step=OrderStep.REVOKE if kind == OrderKind.REVOKE else OrderStep.PREPARE,
                version=version,
                reason=reason,
                requested_by=actor.user,
                requested_token=actor.token,
                by_system=actor.user is None,
                request_id=request_id(),
                next_attempt_at=clock.now(),
            )
            if len(shares) > 1:
                OrderProof.objects.bulk_create(
                    OrderProof(order=order, dns_account=account, names=list(names))
                    for account, names in shares
                )
            record(certificate, REQUESTED[kind], order=order.pk, kind=kind, reason=reason)
            if permit is not None:
                permit.use(order)
    except IntegrityError as error:
        raise open_order_conflict(certificate) from error
    if kind == OrderKind.RENEW and order.ca_account is not None:
        # A sweep places many: the first to run must know of those that are more urgent.
        issuers.expect(order.ca_account, turn_of(order))
    enqueue_on_commit(RUN_ORDER, order.pk)
    return order


def as_now(certificate: Certificate, rows: QuerySet[Certificate] | None = None) -> Certificate:
    """The row as it is now, found among `rows`. Raises NotFound if it was deleted meanwhile."""
    rows = Certificate.objects.all() if rows is None else rows
    found = rows.filter(pk=certificate.pk).first()
    if found is None:
        raise NotFound(f"{certificate.name} was deleted meanwhile.")
    return found


def current_wish(certificate: Certificate) -> dict[str, Any]:
    """The certificate's own fields of `Wanted`."""
    return {
        "names": certificate.names,
        "ca_account": certificate.ca_account,
        "authority": certificate.authority,
        "profile": certificate.profile,
        "validity_days": certificate.validity_days,
        "ca_profile": certificate.ca_profile,
        "dns_account": certificate.dns_account,
        "challenge_type": certificate.challenge_type,
        "key_type": certificate.key_type,
        "csr": certificate.csr,
    }


def open_order_conflict(certificate: Certificate) -> Conflict:
    """The error that names the open order."""
    order = certificate.orders.filter(state__in=OPEN_STATES).first()
    which = (
        f"Order {order.pk} ({order.get_kind_display().lower()}) is open"
        if order
        else "Another order is open"
    )
    return Conflict(f"{which} for {certificate.name}. Cancel it or let it end.", code="order.open")


def wake(order: Order, *, actor: Actor) -> None:
    """Put an order back at the head of the queue; from now on it is carried out for the actor."""
    order.state = OrderState.QUEUED
    order.next_attempt_at = clock.now()
    order.finished_at = None
    order.requested_by, order.requested_token = actor.user, actor.token
    order.by_system = actor.user is None
    order.save()
    enqueue_on_commit(RUN_ORDER, order.pk)
