"""Two act on one certificate at once: the late one neither undoes nor repeats the other's work."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from django.db import OperationalError

from certificates import execution, services, sweeps
from certificates.choices import CertificateState, OrderKind, OrderState
from certificates.models import Certificate, Order, OrderKey, Version
from certificates.services import CertificateRequest, versions
from certificates.services.certificates import lock
from certificates.watch import OrderWatch
from certmate.access.actors import Actor
from certmate.core import clock
from certmate.core.errors import Conflict, LeaseLost, NotFound, UpstreamUnavailable
from certmate.pki.bundle import Bundle
from providers import issuers
from providers import services as providers
from providers.models import CAAccount
from storage import services as storage
from storage.backends.base import BundleRef
from tests import factories
from tests.certificates.test_faults import refuse
from tests.storage.bundles import issue

pytestmark = pytest.mark.django_db(transaction=True)
SYSTEM = Actor.system()


@pytest.fixture
def certificate(transactional_db: None) -> Certificate:
    made = factories.certificate(challenge_type="http-01")
    factories.version(made)
    return made


def due(certificate: Certificate) -> Certificate:
    Certificate.objects.filter(pk=certificate.pk).update(renew_at=clock.now(), retry_at=None)
    return certificate


def test_an_edit_of_an_old_copy_keeps_what_an_order_has_finished(certificate: Certificate) -> None:
    stale = Certificate.objects.get(pk=certificate.pk)
    second = factories.version(certificate, 2)
    services.update_certificate(actor=SYSTEM, certificate=stale, tags=["web"])
    fresh = Certificate.objects.get(pk=certificate.pk)
    assert (fresh.current_version_id, fresh.tags) == (second.pk, ["web"])


def test_an_edit_of_an_old_copy_keeps_the_registration_of_a_ca_account() -> None:
    stale = factories.ca_account()
    CAAccount.objects.filter(pk=stale.pk).update(account_uri="https://ca.example.test/acct/1")
    providers.update_ca_account(actor=SYSTEM, account=stale, email="new@example.test")
    assert CAAccount.objects.get().account_uri == "https://ca.example.test/acct/1"


def test_an_account_that_moves_to_another_directory_takes_no_key_there() -> None:
    account = factories.ca_account(account_key={"pem": "old"})
    moved = providers.update_ca_account(
        actor=SYSTEM, account=account, directory_url="https://other.example.test/dir"
    )
    assert moved.account_key == {}


def test_two_sweeps_with_one_list_place_one_order(certificate: Certificate) -> None:
    due(certificate)
    sweeps._renew(certificate.pk)
    sweeps._renew(certificate.pk)
    assert Order.objects.count() == 1
    Order.objects.update(state=OrderState.SUCCEEDED)
    Certificate.objects.update(renew_at=clock.now() + timedelta(days=60))
    sweeps._renew(certificate.pk)
    assert Order.objects.count() == 1


def test_a_sweep_goes_on_when_the_database_fails_for_one(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = due(factories.certificate("b.example.test", challenge_type="http-01"))
    factories.version(other)
    due(other)
    due(certificate)
    original = sweeps._renew

    def flaky(certificate_id: int) -> None:
        if certificate_id == certificate.pk:
            raise OperationalError("database is locked")
        original(certificate_id)

    monkeypatch.setattr(sweeps, "_renew", flaky)
    assert sweeps.renew_due() == 1
    assert Order.objects.get().certificate == other


def test_a_locked_database_makes_the_order_wait_and_not_fail(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = factories.order(certificate, OrderKind.RENEW)
    monkeypatch.setattr(issuers, "issue", refuse(OperationalError("database is locked")))
    execution.run_order(order.pk)
    order.refresh_from_db()
    assert (order.state, order.error_code) == ("waiting", "database.unavailable")


def test_an_issued_version_that_could_not_be_stored_is_stored_before_the_ca_is_asked_again(
    certificate: Certificate,
) -> None:
    failed = factories.order(certificate, OrderKind.RENEW, state=OrderState.FAILED)
    OrderKey.objects.create(order=failed, csr="", private_key={"pem": "key"})
    factories.version(certificate, 2, current=False, order=failed, stored_at=None)
    due(certificate)
    sweeps.renew_due()
    failed.refresh_from_db()
    assert failed.state == OrderState.QUEUED
    assert Order.objects.count() == 1


def test_an_old_failed_order_cannot_be_retried_over_a_newer_success(
    certificate: Certificate,
) -> None:
    old = factories.order(certificate, OrderKind.ISSUE, state=OrderState.FAILED)
    factories.order(certificate, OrderKind.REISSUE, state=OrderState.SUCCEEDED)
    with pytest.raises(Conflict) as refused:
        services.retry_order(actor=SYSTEM, order=old)
    assert refused.value.code == "order.superseded"


def test_failed_reissues_do_not_pause_the_renewal(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuers, "issue", refuse(RuntimeError("wrong name")))
    for _ in range(4):
        request = CertificateRequest(domain="typo.example.test")
        order = services.reissue_certificate(actor=SYSTEM, certificate=certificate, request=request)
        execution.run_order(order.pk)
    fresh = Certificate.objects.get(pk=certificate.pk)
    assert (fresh.failures, fresh.paused_at) == (0, None)


def test_a_dns_account_named_in_a_reissue_is_asked_for_in_that_order_only_if_named(
    certificate: Certificate,
) -> None:
    named = factories.dns_account("named", zones=[])
    factories.dns_account("by-zone", zones=["example.test"])
    request = CertificateRequest(challenge_type="dns-01", dns="named")
    order = services.reissue_certificate(actor=SYSTEM, certificate=certificate, request=request)
    assert (order.dns_account, order.names_dns_account) == (named, True)
    Order.objects.all().delete()
    request = CertificateRequest(challenge_type="dns-01")
    order = services.reissue_certificate(actor=SYSTEM, certificate=certificate, request=request)
    assert order.dns_account
    assert (order.dns_account.name, order.names_dns_account) == ("by-zone", False)


def test_a_cancelled_renewal_is_not_placed_again_at_once(certificate: Certificate) -> None:
    due(certificate)
    sweeps.renew_due()
    services.cancel_order(actor=SYSTEM, order=Order.objects.get())
    sweeps.renew_due()
    assert Order.objects.get().state == OrderState.CANCELLED
    Certificate.objects.update(retry_at=clock.now())
    sweeps.renew_due()
    assert Order.objects.count() == 2


def test_an_order_that_is_placed_during_a_deletion_keeps_the_certificate(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove = storage.remove

    def late(**given: Any) -> None:
        remove(**given)
        services.renew_certificate(actor=SYSTEM, certificate=certificate)

    monkeypatch.setattr(storage, "remove", late)
    with pytest.raises(Conflict) as refused:
        services.delete_certificate(actor=SYSTEM, certificate=certificate, force=True)
    assert refused.value.code == "order.open"
    assert Certificate.objects.get().orders.open().exists()


def test_no_order_is_placed_for_what_was_deleted(certificate: Certificate) -> None:
    copy = Certificate.objects.get()
    services.delete_certificate(actor=SYSTEM, certificate=certificate, force=True)
    with pytest.raises(NotFound):
        services.renew_certificate(actor=SYSTEM, certificate=copy)


def real(certificate: Certificate, number: int, **fields: Any) -> tuple[Version, Bundle]:
    """A version that can be stored, with what is stored of it."""
    bundle = issue(certificate.name)
    facts = {"cert": bundle.cert, "chain": bundle.chain, "fingerprint": bundle.fingerprint}
    return factories.version(certificate, number, **(facts | fields)), bundle


def being_stored(certificate: Certificate, number: int) -> tuple[OrderWatch, Version]:
    """An order whose certificate is here and goes to its place next."""
    order = factories.order(certificate, OrderKind.RENEW)
    version, bundle = real(certificate, number, current=False, order=order, stored_at=None)
    OrderKey.objects.create(order=order, csr="", private_key={"pem": bundle.privkey})
    watch = OrderWatch.claim(order.pk)
    assert watch
    return watch, version


def meanwhile(monkeypatch: pytest.MonkeyPatch, *changes: Callable[[], object]) -> None:
    """Before the next writes each, as if the worker had stood still there."""
    put, left = storage.store, iter(changes)

    def late(**given: Any) -> None:
        for change in islice(left, 1):
            change()
        put(**given)

    monkeypatch.setattr(storage, "store", late)


def finish(watch: OrderWatch, version: Version) -> None:
    """What a worker that takes the order over does with it."""
    Order.objects.filter(pk=watch.order.pk).update(lease_expires_at=clock.now())
    mine = OrderWatch.claim(watch.order.pk)
    assert mine
    version = Version.objects.select_related("storage_target").get(pk=version.pk)
    execution._store(mine, version)
    execution._finish(mine, version)


def at_its_place(certificate: Certificate) -> str:
    ref = BundleRef("server", certificate.name)
    return storage.load(target=certificate.storage_target, ref=ref).fingerprint


@pytest.mark.parametrize("others", ["one took over", "one has finished", "two have", "a third is"])
def test_a_worker_that_lost_its_lease_while_storing_leaves_what_shall_be_current(
    certificate: Certificate, others: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, late = being_stored(certificate, 2)
    wanted = late

    def work() -> None:
        nonlocal wanted
        if others == "one took over":
            Order.objects.update(lease_token=None)
            return
        finish(watch, late)
        if others == "one has finished":
            return
        following, wanted = being_stored(certificate, 3)
        if others == "two have":
            finish(following, wanted)
        else:
            execution._store(following, wanted)

    meanwhile(monkeypatch, work)
    with pytest.raises(LeaseLost):
        execution._store(watch, late)
    assert at_its_place(certificate) == wanted.fingerprint
    late.refresh_from_db()
    assert (late.stored_at is None) == (others == "one took over")


def test_a_late_worker_does_not_change_what_an_activation_makes_current(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, ref = certificate.storage_target, BundleRef("server", certificate.name)
    (first, older), (second, newer) = real(certificate, 2), real(certificate, 3)
    for bundle in (older, newer):
        storage.store(target=target, ref=ref, bundle=bundle)

    def come_late(row: Certificate) -> Certificate:
        storage.store(target=target, ref=ref, bundle=newer)
        versions.settle(row, target, second)
        return lock(row)

    monkeypatch.setattr(versions, "lock", come_late)
    services.activate_version(actor=SYSTEM, certificate=certificate, number=first.number)
    assert at_its_place(certificate) == first.fingerprint


def test_what_was_never_at_its_place_is_not_put_back(certificate: Certificate) -> None:
    versions.settle(certificate, certificate.storage_target)
    with pytest.raises(NotFound):
        at_its_place(certificate)


@pytest.mark.parametrize(
    ("suggested_days", "kept_days"), [(30, 30), (200, 81)], ids=["within", "after the end"]
)
def test_advice_of_the_ca_is_kept_within_reason(
    certificate: Certificate,
    monkeypatch: pytest.MonkeyPatch,
    suggested_days: int,
    kept_days: int,
) -> None:
    version = certificate.current_version
    assert version
    now = clock.now()
    Certificate.objects.update(renewal_poll_at=now)
    suggested = version.not_before + timedelta(days=suggested_days)

    def answer(**_: object) -> list[tuple[datetime | None, datetime]]:
        return [(suggested, now + timedelta(days=4000))]

    monkeypatch.setattr(issuers, "renewal_windows", answer)
    sweeps.poll_renewal_windows()
    fresh = Certificate.objects.get(pk=certificate.pk)
    assert fresh.renew_at == version.not_before + timedelta(days=kept_days)
    assert fresh.renewal_poll_at
    assert fresh.renewal_poll_at <= clock.now() + timedelta(days=1)


def test_an_older_version_that_is_still_valid_is_not_deleted_without_saying_so(
    certificate: Certificate,
) -> None:
    factories.version(certificate, 2, revoked_at=clock.now())
    Certificate.objects.update(state=CertificateState.REVOKED)
    certificate.refresh_from_db()
    with pytest.raises(Conflict) as refused:
        services.delete_certificate(actor=SYSTEM, certificate=certificate)
    assert refused.value.code == "certificate.valid"


def test_a_retry_after_of_the_ca_does_not_reach_the_next_order(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = factories.order(certificate, OrderKind.RENEW)
    away = UpstreamUnavailable("Later.", code="acme.rate_limited", retry_after=timedelta(days=2))
    monkeypatch.setattr(issuers, "issue", refuse(away))
    execution.run_order(order.pk)
    services.cancel_order(actor=SYSTEM, order=order)
    fresh = Certificate.objects.get(pk=certificate.pk)
    assert fresh.retry_at
    assert fresh.retry_at > clock.now() + timedelta(days=1, hours=23)
