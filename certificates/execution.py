"""Carrying out an order. The row says what is left to do, so each step may be killed and repeated.

prepare (key and CSR, kept encrypted) → obtain (the CA) → store (the bundle, by fingerprint) →
finish (one transaction). docs/issuance-cycle.md tells what each crash leaves and who takes it up.
"""

import logging

from django.db import InterfaceError, OperationalError, transaction

from certificates.choices import CertificateState, OrderKind, OrderState, OrderStep
from certificates.failure import record_failure
from certificates.models import Certificate, OrderKey, Version
from certificates.services.certificates import set_renewal
from certificates.services.metadata import metadata
from certificates.services.rights import require_still
from certificates.watch import OrderWatch
from certmate.audit.context import Context, running
from certmate.audit.services import record
from certmate.core import clock
from certmate.core.errors import CertMateError, IntegrityFault, LeaseLost, UpstreamUnavailable
from certmate.pki import csr as pki_csr
from certmate.pki import inspect
from certmate.pki.bundle import Bundle
from certmate.pki.keys import KeyType, generate
from certmate.pki.names import parse_name
from providers import issuers
from providers.acme.client import IssuedChain
from providers.acme.failures import clean
from storage import services as storage
from storage.backends.base import BundleRef

logger = logging.getLogger(__name__)

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
        # What the CA has issued is kept whoever has lost which right; it is not asked for more.
        require_still(watch.order)
        version = _obtain(watch, _prepare(watch))
    if version.stored_at is None:
        _store(watch, version)
    _finish(watch, version)


def _prepare(watch: OrderWatch) -> OrderKey:
    """The order's key and CSR: those of an earlier attempt, or new ones that are stored before the
    CA is asked.
    """
    existing = OrderKey.objects.filter(order=watch.order).first()
    if existing is not None:
        return existing
    order = watch.order
    if order.csr:
        watch.enter(OrderStep.PREPARE, "Using the CSR that was brought along.")
        return _keep_key(watch, OrderKey(order=order, csr=order.csr))
    watch.enter(OrderStep.PREPARE, f"Making the key ({order.key_type}) and the CSR.")
    private_key = generate(KeyType(order.key_type))
    csr = pki_csr.build(private_key, [parse_name(name) for name in order.names])
    return _keep_key(watch, OrderKey(order=order, csr=csr, private_key={"pem": private_key}))


def _keep_key(watch: OrderWatch, key: OrderKey) -> OrderKey:
    with transaction.atomic():
        watch.tick()
        key.save(force_insert=True)
    return key


def _obtain(watch: OrderWatch, key: OrderKey) -> Version:
    order = watch.order
    proof = issuers.Proof(order.challenge_type, order.dns_account)  # type: ignore[arg-type]
    through = f" through {order.dns_account}" if order.dns_account else ""
    watch.enter(
        OrderStep.OBTAIN,
        f"Asking {order.ca_account} for {', '.join(order.names)}: {order.challenge_type}{through}.",
    )
    issued = issuers.issue(
        account=order.ca_account,
        csr=key.csr,
        proof=proof,
        resume_url=order.acme_order_url,
        watch=watch,
    )
    return _keep_version(watch, key, issued)


def _keep_version(watch: OrderWatch, key: OrderKey, issued: IssuedChain) -> Version:
    order = watch.order
    facts = inspect.describe_certificate(issued.cert)
    if facts.key.spki_sha256 != pki_csr.parse(key.csr).key.spki_sha256 or set(facts.names) != set(
        order.names
    ):
        raise IntegrityFault(
            "The CA answered with a certificate for another key or other names.",
            code="acme.wrong_certificate",
        )
    with transaction.atomic():
        watch.tick()
        certificate = Certificate.objects.select_for_update().get(pk=order.certificate_id)
        latest = (
            certificate.versions.order_by("-number").values_list("number", flat=True).first() or 0
        )
        version = Version.objects.create(
            certificate=certificate,
            number=latest + 1,
            order=order,
            ca_account=order.ca_account,
            storage_target=certificate.storage_target,
            names=list(facts.names),
            serial=facts.serial,
            fingerprint=facts.fingerprint,
            issuer=clean(facts.issuer)[:500],
            not_before=facts.not_before,
            not_after=facts.not_after,
            key_algorithm=facts.key.algorithm,
            key_size=facts.key.size,
            public_key_hash=facts.key.spki_sha256,
            has_private_key=bool(key.private_key),
            cert=issued.cert,
            chain=issued.chain,
        )
    watch.step(
        f"Issued by {facts.issuer}: serial {facts.serial}, valid until "
        f"{facts.not_after:%Y-%m-%d %H:%M} UTC."
    )
    return version


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
    _still_ours(watch)
    version.stored_at = clock.now()
    version.save(update_fields=["stored_at"])


def _still_ours(watch: OrderWatch) -> None:
    """Undo what a worker that was suspended for longer than its lease has just done to the storage.

    Whoever took the order over may have stored a newer version meanwhile: that is put back on top.
    """
    try:
        watch.tick()
    except LeaseLost:
        certificate = Certificate.objects.get(pk=watch.order.certificate_id)
        current = certificate.current_version
        if current is not None and current.stored_at is not None:
            ref = BundleRef("server", certificate.name)
            target = current.storage_target
            bundle = storage.load(target=target, ref=ref, fingerprint=current.fingerprint)
            storage.store(target=target, ref=ref, bundle=bundle)
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
        for field in ("names", "ca_account_id", "challenge_type", "key_type", "csr"):
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
        f"Asking {version.ca_account} to revoke serial {version.serial}: {order.reason}.",
    )
    issuers.revoke(account=version.ca_account, cert=version.cert, reason=order.reason, watch=watch)
    with transaction.atomic():
        watch.write(
            state=OrderState.SUCCEEDED,
            step=OrderStep.DONE,
            finished_at=clock.now(),
            error_code="",
            error_detail="",
        )
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
        watch.step("Revoked.")
