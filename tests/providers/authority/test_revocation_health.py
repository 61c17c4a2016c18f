"""The numbers about CRLs, in `/ready`, `/metrics` and the admin."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from guardian.shortcuts import assign_perm
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from certmate.core import clock
from providers import services
from providers.models import Authority
from providers.services import crls, revocation_health
from tests.caller import Caller
from tests.providers.authority import making
from tests.providers.authority.making import SYSTEM

pytestmark = pytest.mark.django_db


@pytest.fixture
def root() -> Authority:
    return making.root(crl_shards=2)


def test_what_is_missing_waits_and_is_overdue(
    root: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    crls.publish_due()
    services.revoke_entry(actor=SYSTEM, entry=making.leaf(root).entry)
    begin = clock.now()
    monkeypatch.setattr(clock, "now", lambda: begin + timedelta(seconds=40))
    health = revocation_health.of(root)
    assert (health.crls, health.missing, health.overdue, health.waiting) == (2, 0, 0, 1)
    assert health.waiting_since
    assert crls.publish_due() == 1
    health = revocation_health.overall()
    assert health.waiting == 0
    assert health.published_after
    assert timedelta(seconds=40) <= health.published_after < timedelta(seconds=60)
    assert health.freshest_at == clock.now()
    monkeypatch.setattr(clock, "now", lambda: begin + timedelta(days=7, seconds=1))
    health = revocation_health.of(root)
    assert health.overdue == 1
    numbers = health.numbers(clock.now())
    assert numbers["valid_for_seconds"] in (-1, -2)
    assert numbers["stalest_seconds"] in (7 * 86400 + 1, 7 * 86400 + 2)


def test_one_that_was_never_made_is_missing(root: Authority) -> None:
    offline = making.root("offline", passphrase=making.PASSPHRASE)
    assert revocation_health.overall().missing == 3
    crls.publish_due()
    assert revocation_health.of(offline).missing == 1
    assert revocation_health.overall().missing == 1


def metrics(caller: Caller) -> dict[tuple[str, str], float]:
    answer = caller.get("/metrics")
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    families: Any = text_string_to_metric_families(answer.content.decode())  # type: ignore[no-untyped-call]
    return {
        (sample.name, sample.labels["authority"]): sample.value
        for family in families
        for sample in family.samples
        if "authority" in sample.labels
    }


def test_a_monitor_sees_the_authorities_that_its_token_sees(root: Authority) -> None:
    making.root("hidden")
    crls.publish_due()
    services.revoke_entry(actor=SYSTEM, entry=making.leaf(root).entry)
    user = User.objects.create_user("monitor")
    assign_perm("providers.view_authority", user, root)
    with CaptureQueriesContext(connection) as asked:
        found = metrics(Caller(user, "read"))
    assert {authority for _, authority in found} == {"root"}
    assert found["certmate_crl_count", "root"] == 2
    assert found["certmate_crl_waiting", "root"] == 1
    age = clock.now().timestamp() - found["certmate_crl_stalest_timestamp_seconds", "root"]
    assert 0 <= age < 60
    ends = found["certmate_crl_expiry_timestamp_seconds", "root"]
    assert 0 < ends - clock.now().timestamp() <= 7 * 86400
    assert found["certmate_ocsp_responder_expiry_timestamp_seconds", "root"] == 0
    assert sum('"providers_crl' in query["sql"] for query in asked) == 2
    assert Client().get("/metrics").status_code == 401
