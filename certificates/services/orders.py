"""Orders that people place on certificates they have, and what they do about orders that are open
or failed.
"""

from datetime import timedelta

from django.db import IntegrityError, transaction

from certificates.choices import OrderKind, OrderState, RevocationReason
from certificates.models import Certificate, Order, OrderKey, Version
from certificates.services.asking import ask, ask_for_reissue, ask_for_renewal
from certificates.services.placing import open_order_conflict, place_order, wake
from certificates.services.request import CertificateRequest
from certificates.services.rights import deciding_verb, require_names
from certificates.services.signable import require_signable
from certificates.services.wanted import resolve
from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb
from certmate.audit.services import record
from certmate.core import clock
from certmate.core.errors import Conflict, InvalidRequest

PUT_OFF = timedelta(days=1)


def renew_certificate(*, actor: Actor, certificate: Certificate) -> Order:
    """Order a new version for the same names from the same issuer, with a new key unless a CSR was
    brought.

    Raises Conflict (`order.open`) while another order is open.
    """
    policy.require(actor, Verb.RENEW, certificate)
    permit = ask_for_renewal(actor, certificate, "renew")
    kind = OrderKind.RENEW if certificate.current_version_id else OrderKind.ISSUE
    return place_order(certificate, kind, actor=actor, permit=permit)


def reissue_certificate(
    *, actor: Actor, certificate: Certificate, request: CertificateRequest
) -> Order:
    """Order a version with other names, another issuer, key or proof; what the request leaves
    out stays.

    The certificate takes over the new values when it has been issued, so a failure changes nothing.
    """
    policy.require(actor, Verb.RENEW, certificate)
    policy.require_possible(actor, Verb.REQUEST, Certificate)
    wanted = resolve(actor, request, certificate)
    # Other names, another key or CA are another certificate: renewing does not include them.
    kept = {"team": certificate.team, "storage_target_id": certificate.storage_target_id}
    asked = Certificate(**wanted, **kept)
    policy.require(actor, Verb.REQUEST, asked)
    accounts = {name: wanted[name] for name in ("ca_account", "authority", "dns_account")}
    policy.require_no_gain(actor, certificate, **accounts)
    require_signable(wanted, certificate.name)
    permit = ask_for_reissue(actor, certificate, asked, wanted)
    return place_order(certificate, OrderKind.REISSUE, actor=actor, wanted=wanted, permit=permit)


def revoke_certificate(
    *,
    actor: Actor,
    certificate: Certificate,
    reason: str = "unspecified",
    number: int | None = None,
) -> Order:
    """Order the revocation of a version (the current one by default) with an RFC 5280 §5.3.1
    reason.
    """
    policy.require(actor, Verb.REVOKE, certificate)
    if reason not in RevocationReason.values:
        raise InvalidRequest(
            f"The reason must be one of: {', '.join(RevocationReason.values)}.",
            code="revoke.reason",
            field="reason",
        )
    version = _version_to_revoke(certificate, number)
    require_names(actor, version)
    if version.revoked_at is not None:
        raise Conflict(
            f"{version} was revoked on {version.revoked_at:%Y-%m-%d}.", code="revoke.already"
        )
    which = {"version": version.number, "serial": version.serial, "reason": reason}
    permit = ask(actor, Verb.REVOKE, certificate, "revoke", **which)
    return place_order(
        certificate,
        OrderKind.REVOKE,
        actor=actor,
        version=version,
        reason=reason,
        permit=permit,
    )


def _version_to_revoke(certificate: Certificate, number: int | None) -> Version:
    if number is not None:
        found = certificate.versions.filter(number=number).first()
        if found is None:
            raise InvalidRequest(
                f"There is no version {number}.", code="version.unknown", field="version"
            )
        return found
    if certificate.current_version is None:
        raise Conflict(
            "Nothing was issued yet that could be revoked.", code="certificate.not_issued"
        )
    return certificate.current_version


def retry_order(*, actor: Actor, order: Order) -> Order:
    """Try a failed or waiting order again now. Raises Conflict for one that runs or has ended
    well.
    """
    policy.require(actor, deciding_verb(order), order)
    with transaction.atomic():
        order = Order.objects.select_for_update().select_related("certificate").get(pk=order.pk)
        if order.state not in (OrderState.FAILED, OrderState.WAITING):
            raise Conflict(
                f"The order is {order.state}; there is nothing to retry.", code="order.not_failed"
            )
        _refuse_superseded(order)
        try:
            with transaction.atomic():
                wake(order, actor=actor)
        except IntegrityError as error:
            raise open_order_conflict(order.certificate) from error
        record(order.certificate, "order.retried", order=order.pk)
    return order


def _refuse_superseded(order: Order) -> None:
    """An old order that succeeded now would take a newer one's names and CA back."""
    newer = order.certificate.orders.filter(pk__gt=order.pk, state=OrderState.SUCCEEDED)
    if order.kind != OrderKind.REVOKE and newer.exclude(kind=OrderKind.REVOKE).exists():
        raise Conflict("A newer order has succeeded; place another.", code="order.superseded")


def cancel_order(*, actor: Actor, order: Order) -> Order:
    """End an open order. A worker that is at it notices within seconds and stops its ACME client.

    A renewal by schedule comes again after a day. Raises Conflict once the certificate that the CA
    issued is kept here: then it is only being stored.
    """
    policy.require(actor, deciding_verb(order), order)
    with transaction.atomic():
        order = Order.objects.select_for_update().select_related("certificate").get(pk=order.pk)
        if not order.is_open:
            raise Conflict(f"The order has ended: {order.state}.", code="order.ended")
        if Version.objects.filter(order=order).exists():
            raise Conflict(
                "The CA has issued already; the certificate is being stored.", code="order.issued"
            )
        order.state = OrderState.CANCELLED
        order.lease_token = order.lease_expires_at = None
        order.finished_at = clock.now()
        order.save(update_fields=["state", "lease_token", "lease_expires_at", "finished_at"])
        OrderKey.objects.filter(order=order).delete()
        if order.kind == OrderKind.RENEW:
            # Else the schedule would place it again at once.
            order.certificate.retry_at = max(order.next_attempt_at, clock.now() + PUT_OFF)
            order.certificate.save(update_fields=["retry_at", "updated_at"])
        record(order.certificate, "order.cancelled", order=order.pk)
    return order


def resume_certificate(*, actor: Actor, certificate: Certificate) -> Order:
    """Take up again what was paused after repeated failures: forget them and place an order now."""
    policy.require(actor, Verb.RENEW, certificate)
    if certificate.paused_at is None:
        raise Conflict("The certificate is not paused.", code="certificate.not_paused")
    permit = ask_for_renewal(actor, certificate, "resume")
    with transaction.atomic():
        certificate.paused_at, certificate.pause_reason, certificate.failures = None, "", 0
        certificate.retry_at = None
        certificate.save(
            update_fields=["paused_at", "pause_reason", "failures", "retry_at", "updated_at"]
        )
        kind = OrderKind.RENEW if certificate.current_version_id else OrderKind.ISSUE
        return place_order(certificate, kind, actor=actor, permit=permit)
