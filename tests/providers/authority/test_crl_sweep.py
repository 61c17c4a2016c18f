"""What the scheduler has done each minute: by whom, for how long, and with keys that are away."""

import itertools
from datetime import timedelta
from typing import Any

import pytest

from certmate.core import clock, stopping
from certmate.core.errors import UpstreamUnavailable
from providers import services, tasks
from providers.authority.custody.base import SoftwareSigner
from providers.models import CRL, Authority, CRLChange
from providers.services import crls
from tests.providers.authority import making
from tests.providers.authority.crl_steps import newest, published_root, revoked, while_signing
from tests.providers.authority.making import SYSTEM

pytestmark = pytest.mark.django_db


@pytest.fixture
def root() -> Authority:
    """With all CRLs published."""
    return published_root()


def test_the_sweep_wakes_a_worker_for_each_due_crl(
    root: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = revoked(root)
    sent: list[tuple[Any, ...]] = []
    monkeypatch.setattr(crls, "enqueue", lambda *message: sent.append(message))
    tasks.publish_due()
    assert sent == [("providers.publish_crls",)]
    for _ in range(3):
        tasks.publish_crls()
    assert CRL.objects.filter(shard=entry.shard).count() == 2, "the same message three times"
    entry = revoked(root)
    tasks.publish_crl(str(entry.key_id), entry.shard)
    made = newest(entry)
    tasks.publish_crl(str(entry.key_id), entry.shard)
    assert newest(entry) == made
    monkeypatch.setattr(crls, "MOST_WOKEN", 1)
    services.update_authority(actor=SYSTEM, authority=root, crl_hours=10)
    assert crls.hand_out_due() == 1, "of two that are due"


def test_one_thread_of_a_worker_makes_what_the_scheduler_finds_and_hurry_waits_for_none(
    root: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, other = revoked(root), making.leaf(root).entry
    while other.shard == entry.shard:
        other = making.leaf(root).entry

    def meanwhile() -> None:
        making.root("new")
        services.revoke_entry(actor=SYSTEM, entry=other)
        tasks.publish_crls()
        assert newest(other).entries == 0
        tasks.publish_crl(str(other.key_id), other.shard)
        assert newest(other).entries == 1

    while_signing(monkeypatch, meanwhile)
    tasks.publish_crls()
    assert newest(entry).entries == 1
    assert CRL.objects.filter(key__authority__name="new").exists(), "it has heard of it"


def test_a_turn_ends_and_the_next_run_makes_the_rest(
    root: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.update_authority(actor=SYSTEM, authority=root, crl_hours=10)
    later = clock.now() + stopping.TURN + timedelta(seconds=1)
    while_signing(monkeypatch, lambda: monkeypatch.setattr(clock, "now", lambda: later))
    tasks.publish_crls()
    assert CRL.objects.count() == 3, "one of the two"
    tasks.publish_crls()
    assert CRL.objects.count() == 4


def test_changes_that_come_one_after_another_keep_no_worker_for_ever(
    root: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = revoked(root)
    begin, signatures = clock.now(), itertools.count(1)
    sign = SoftwareSigner.sign

    def another(signer: SoftwareSigner, data: bytes) -> bytes:
        later = begin + next(signatures) * stopping.TURN / 10
        monkeypatch.setattr(clock, "now", lambda: later)
        CRLChange.objects.create(
            key_id=entry.key_id, shard=entry.shard, entry=entry, changed_at=later
        )
        return sign(signer, data)

    monkeypatch.setattr(SoftwareSigner, "sign", another)
    crls.publish_shard(entry.key_id, entry.shard)
    assert next(signatures) < 15
    assert CRLChange.objects.filter(is_told=False).exists()


def test_a_key_that_is_away_is_asked_once_a_run_and_told_of_once(
    root: Authority, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    services.update_authority(actor=SYSTEM, authority=root, crl_hours=10)
    asked: list[object] = []

    def away(*given: object) -> bytes:
        asked.append(given)
        raise UpstreamUnavailable("The token is away.", code="pkcs11.unavailable")

    with monkeypatch.context() as patch:
        patch.setattr(SoftwareSigner, "sign", away)
        for _ in range(3):
            assert crls.publish_due() == 0
    assert len(asked) == 3
    assert caplog.text.count("was not made: The token is away.") == 1
    assert crls.publish_due() == 2
    monkeypatch.setattr(SoftwareSigner, "sign", away)
    services.update_authority(actor=SYSTEM, authority=root, crl_hours=20)
    assert crls.publish_due() == 0
    assert caplog.text.count("was not made") == 2, "it is news again"
