"""Carrying out an order. The row says what is left to do, so each step may be killed and repeated.

prepare (key and CSR, kept encrypted) → obtain (the CA or the authority) → store (the bundle, by
fingerprint) → finish (one transaction). docs/issuance-cycle.md tells what each crash leaves and
who takes it up.
"""

import logging

from django.db import InterfaceError, OperationalError, transaction

from certificates.choices import CertificateState, OrderKind, OrderState, OrderStep
from certificates.failure import record_failure
from certificates.models import Certificate, Order, OrderKey, Version
from certificates.obtaining import obtain, prepare
from certificates.services.certificates import set_renewal
from certificates.services.metadata import metadata
from certificates.services.rights import actor_of, require_still
from certificates.services.versions import settle
from certificates.watch import OrderWatch
from certmate.audit.context import Context, running
from certmate.audit.services import record
from certmate.core import clock
from certmate.core.errors import CertMateError, IntegrityFault, LeaseLost, UpstreamUnavailable
from certmate.pki.bundle import Bundle
from providers import issuers
from storage import services as storage
from storage.backends.base import BundleRef

logger = logging.getLogger(__name__)

_TAKEN_OVER = (
    *("names", "ca_account_id", "authority_id", "profile_id", "validity_days"),
    *("ca_profile", "challenge_type", "key_type", "csr"),
)
"""What a certificate is from now on, once an order for it has succeeded."""

DATABASE_AWAY = UpstreamUnavailable(
    "CertMate's database was locked, full or away.", code="database.unavailable"
)


def run_order(order_id: int) -> None:
    """Carry out the order if it is due and nobody else is at it; otherwise do nothing.

    Raises nothing that the order can tell instead: a failure is written to its row.
    """
    watch = OrderWatch.claim(order_id)
    if watch is None:
        logger.info("Order %s is not due or is held by another worker.", order_id)
        return
    order = watch.order
    with running(
        Context(
            request_id=order.request_id or f"order-{order.pk}",
            user=order.requested_by,
            token=order.requested_token,
            order_id=order.pk,
        )
    ):
        try:
            _carry_out(watch)
        except LeaseLost as error:
            logger.warning("Order %s: stopped: %s", order_id, error.detail)
        except CertMateError as error:
            record_failure(watch, error)
        except (OperationalError, InterfaceError) as error:
            logger.warning("Order %s: the database failed: %s", order_id, error)
            record_failure(watch, DATABASE_AWAY)
        except Exception:
            logger.exception("Order %s failed by a fault of CertMate.", order_id)
            record_failure(
                watch, CertMateError("CertMate failed; its log has the details.", code="internal")
            )


def _carry_out(watch: OrderWatch) -> None:
    if watch.order.kind == OrderKind.REVOKE:
        require_still(watch.order)
        _revoke(watch)
        return
    version = Version.objects.select_related("storage_target").filter(order=watch.order).first()
    if version is None:
        # What was issued is kept whoever has lost which right; no more is asked for.
        require_still(watch.order)
        version = obtain(watch, prepare(watch))
    if version.stored_at is None:
        _store(watch, version)
    _finish(watch, version)


def _store(watch: OrderWatch, version: Version) -> None:
    order = watch.order
    watch.enter(OrderStep.STORE, f"Storing the bundle at {version.storage_target}.")
    key = OrderKey.objects.get(order=order)
    bundle = Bundle(
        cert=version.cert,
        chain=version.chain,
        privkey=key.private_key.get("pem"),
        metadata=metadata(order.certificate, version, order),
    )
    storage.store(
        target=version.storage_target,
        ref=BundleRef("server", order.certificate.name),
        bundle=bundle,
    )
    _still_ours(watch, version)
    version.stored_at = clock.now()
    version.save(update_fields=["stored_at"])


def _still_ours(watch: OrderWatch, put: Version) -> None:
    """Undo what a worker that was suspended for longer than its lease has just done to the storage.

    Whoever took the order over may have finished it, and a newer version may be there.
    """
    try:
        watch.tick()
    except LeaseLost:
        settle(watch.order.certificate, put.storage_target, put)
        raise


def _finish(watch: OrderWatch, version: Version) -> None:
    """Everything that changes when an order has succeeded, in one transaction."""
    order = watch.order
    watch.enter(OrderStep.FINISH, f"Making version {version.number} the current one.")
    with transaction.atomic():
        watch.write(
            state=OrderState.SUCCEEDED,
            step=OrderStep.DONE,
            version=version,
            finished_at=clock.now(),
            error_code="",
            error_detail="",
            error_identifiers={},
        )
        certificate = Certificate.objects.select_for_update().get(pk=order.certificate_id)
        before = certificate.current_version
        for field in _TAKEN_OVER:
            setattr(certificate, field, getattr(order, field))
        if order.kind == OrderKind.REISSUE:
            certificate.dns_account = order.dns_account if order.names_dns_account else None
        certificate.current_version = version
        certificate.state = CertificateState.ACTIVE
        certificate.failures, certificate.paused_at, certificate.pause_reason = 0, None, ""
        set_renewal(certificate, version)
        certificate.save()
        # Those of earlier failed orders too, unless a version still has to be stored with one.
        unstored = Version.objects.filter(certificate=certificate, stored_at=None)
        keys = OrderKey.objects.filter(order__certificate=certificate)
        keys.exclude(order__in=unstored.values("order")).delete()
        verb = {OrderKind.ISSUE: "issued", OrderKind.RENEW: "renewed"}.get(
            OrderKind(order.kind), "reissued"
        )
        record(
            certificate,
            f"certificate.{verb}",
            order=order.pk,
            version=version.number,
            serial=version.serial,
            before={"version": before.number, "serial": before.serial} if before else None,
            after={"version": version.number, "serial": version.serial},
        )
        watch.step(f"Version {version.number} is current.")


def _revoke(watch: OrderWatch) -> None:
    order, version = watch.order, watch.order.version
    if version is None:
        raise IntegrityFault("The version to revoke is gone.", code="version.unknown")
    watch.enter(
        OrderStep.REVOKE,
        f"Asking {version.issued_by} to revoke serial {version.serial}: {order.reason}.",
    )
    account = version.ca_account
    if account is not None:
        issuers.revoke(account=account, cert=version.cert, reason=order.reason, watch=watch)
    with transaction.atomic():
        watch.write(
            state=OrderState.SUCCEEDED,
            step=OrderStep.DONE,
            finished_at=clock.now(),
            error_code="",
            error_detail="",
        )
        if version.entry is not None:
            actor = actor_of(order)
            issuers.revoke_signed(actor=actor, entry=version.entry, reason=order.reason)
        _mark_revoked(order, version)
        watch.step("Revoked.")


def _mark_revoked(order: Order, version: Version) -> None:
    version.revoked_at = clock.now()
    version.revocation_reason = order.reason
    version.save(update_fields=["revoked_at", "revocation_reason"])
    certificate = Certificate.objects.select_for_update().get(pk=order.certificate_id)
    if certificate.current_version_id == version.pk:
        certificate.state = CertificateState.REVOKED
        certificate.renew_at = certificate.renewal_poll_at = None
        certificate.save(update_fields=["state", "renew_at", "renewal_poll_at", "updated_at"])
    record(
        certificate,
        "certificate.revoked",
        order=order.pk,
        version=version.number,
        serial=version.serial,
        reason=order.reason,
    )
