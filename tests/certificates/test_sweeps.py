"""The sweeps at a size where a scan would show, and what they leave alone."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django_celery_beat.models import PeriodicTask

from certificates import sweeps
from certificates.apps import _seed
from certificates.models import Certificate, Order
from certmate.core import clock
from certmate.core.errors import UpstreamUnavailable
from providers import issuers
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.mark.skipif(connection.vendor != "sqlite", reason="another planner")
def test_each_sweep_is_one_search_of_an_index_made_for_it() -> None:
    now = clock.now()
    plans = {
        "certificate_renewal_due": Certificate.objects.due(now).explain(),
        "certificate_renewal_poll": Certificate.objects.to_poll(now).explain(),
        "order_state_next_attempt": Order.objects.claimable(now).explain(),
        "order_state_lease": Order.objects.claimable(now).explain(),
    }
    for index, plan in plans.items():
        assert f"USING INDEX {index}" in plan
        assert "SCAN certificates" not in plan


def test_a_sweep_without_anything_due_is_one_query(django_assert_num_queries: Any) -> None:
    factories.version(factories.certificate())
    with django_assert_num_queries(1):
        assert sweeps.renew_due() == 0
    with django_assert_num_queries(1):
        assert sweeps.sweep_orders() == 0


def test_what_is_revoked_or_switched_off_is_not_due() -> None:
    for name in ("on.example.test", "off.example.test", "revoked.example.test"):
        factories.version(factories.certificate(name))
    Certificate.objects.update(renew_at=clock.now())
    Certificate.objects.filter(name="off.example.test").update(auto_renew=False)
    Certificate.objects.filter(name="revoked.example.test").update(renew_at=None)
    assert [c.name for c in Certificate.objects.due(clock.now())] == ["on.example.test"]


def test_the_ca_decides_when_to_renew_and_when_to_be_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = clock.now()
    told, quiet = (factories.certificate(name) for name in ("a.example.test", "b.example.test"))
    for certificate in (told, quiet):
        factories.version(certificate)
    Certificate.objects.update(renewal_poll_at=now)
    renew_at, poll_at = now + timedelta(days=3), now + timedelta(hours=6)

    def answer(*, certs: list[str], **_: object) -> list[tuple[datetime | None, datetime]]:
        return [(renew_at, poll_at), (None, poll_at)]

    monkeypatch.setattr(issuers, "renewal_windows", answer)
    assert sweeps.poll_renewal_windows() == 2
    assert sweeps.poll_renewal_windows() == 0
    before = quiet.renew_at
    told.refresh_from_db()
    quiet.refresh_from_db()
    assert {told.renew_at, quiet.renew_at} == {renew_at, before}
    assert (told.renewal_poll_at, quiet.renewal_poll_at) == (poll_at, poll_at)


def test_a_ca_that_cannot_say_is_asked_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = factories.certificate()
    factories.version(certificate)
    Certificate.objects.update(renewal_poll_at=clock.now())

    def away(**_: object) -> None:
        raise UpstreamUnavailable("Away.", code="acme.unreachable")

    monkeypatch.setattr(issuers, "renewal_windows", away)
    assert sweeps.poll_renewal_windows() == 1
    before = certificate.renew_at
    certificate.refresh_from_db()
    assert certificate.renew_at == before
    assert certificate.renewal_poll_at
    assert certificate.renewal_poll_at > clock.now()


def test_schedules_are_seeded_once_and_an_operators_edit_stays() -> None:
    task = PeriodicTask.objects.get(name="certificates.renew_due")
    task.enabled = False
    task.interval.every = 7
    task.interval.save()
    task.save()
    PeriodicTask.objects.filter(name="certificates.sweep_orders").delete()
    _seed()
    task.refresh_from_db()
    assert (task.enabled, task.interval.every) == (False, 7)
    assert PeriodicTask.objects.filter(name="certificates.sweep_orders").count() == 1
