"""Who makes which CRL when: lost messages, several workers, and workers that die."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext

from certmate.audit.models import Event
from certmate.core import clock
from certmate.core.claims import claim
from certmate.core.errors import Conflict, IntegrityFault, LeaseLost
from certmate.pki import crl
from providers import services
from providers.authority.custody.base import SoftwareSigner
from providers.models import CRL, Authority, AuthorityKey, CRLChange, CRLShard, LedgerEntry
from providers.services import crl_making, crls, ledger, revocation_health
from tests.providers.authority import making
from tests.providers.authority.crl_steps import newest, published_root, revoked, while_signing
from tests.providers.authority.making import PASSPHRASE, SYSTEM

pytestmark = pytest.mark.django_db


@pytest.fixture
def root() -> Authority:
    """With all CRLs published."""
    return published_root()


def test_a_revocation_whose_message_was_lost_is_published_by_the_sweep(root: Authority) -> None:
    entry = revoked(root, "certificateHold")
    assert crls.publish_due() == 1
    assert newest(entry).entries == 1
    services.release_entry(actor=SYSTEM, entry=entry)
    assert crls.publish_due() == 1
    assert newest(entry).entries == 0
    assert crls.publish_due() == 0


def test_what_a_crash_left_is_published_by_the_sweep(root: Authority) -> None:
    entry = making.leaf(root, keep=False).entry
    assert ledger.give_up(LedgerEntry.objects.get(pk=entry.pk), "A crash.")
    assert crls.publish_due() == 1
    assert newest(entry).entries == 1


def test_a_change_that_comes_while_its_crl_is_signed_is_on_the_next(
    root: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (making.leaf(root).entry for _ in range(2))
    while first.shard != second.shard:
        second = making.leaf(root).entry
    while_signing(monkeypatch, lambda: services.revoke_entry(actor=SYSTEM, entry=second))
    services.revoke_entry(actor=SYSTEM, entry=first)
    key = making.key_of(root)
    crls.publish_shard(key.pk, first.shard)
    entries = CRL.objects.filter(key=key, shard=first.shard).order_by("number")
    assert list(entries.values_list("entries", flat=True)) == [1, 2]
    assert not CRLChange.objects.filter(is_told=False).exists()


def test_one_worker_at_a_time_makes_a_crl(root: Authority) -> None:
    entry = revoked(root)
    before = newest(entry)
    shard = CRLShard.objects.get(key=entry.key_id, shard=entry.shard)
    claim(CRLShard.objects.all(), shard.pk, lease=crls.LEASE, now=clock.now())
    crls.publish_shard(entry.key_id, entry.shard)
    assert newest(entry) == before
    with pytest.raises(Conflict) as refused:
        crls.publish(making.key_of(root), entry.shard)
    assert refused.value.code == "crl.busy"


def test_the_crl_of_a_worker_that_died_is_made_by_another(
    root: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = revoked(root)
    shard = CRLShard.objects.select_related("key__authority").get(
        key=entry.key_id, shard=entry.shard
    )
    slow = claim(CRLShard.objects.all(), shard.pk, lease=crls.LEASE, now=clock.now())
    assert slow is not None
    later = clock.now() + crls.LEASE + timedelta(seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert crls.publish_due() == 1
    made = newest(entry)
    with pytest.raises(LeaseLost):
        crl_making.make(shard, slow)
    assert newest(entry) == made, "it was not dead, only slow"
    assert made.entries == 1


def test_a_key_store_that_fails_leaves_the_crl_due_and_free(
    root: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = revoked(root)
    with monkeypatch.context() as patch:
        patch.setattr(SoftwareSigner, "sign", lambda *_: b"not a signature")
        with pytest.raises(IntegrityFault):
            crls.publish_shard(entry.key_id, entry.shard)
    crls.publish_shard(entry.key_id, entry.shard)
    assert newest(entry).entries == 1


def test_a_draft_that_says_something_else_is_not_signed(
    root: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = revoked(root)
    draft = crl.draft_crl
    monkeypatch.setattr(crl, "draft_crl", lambda issuer, facts, _: draft(issuer, facts, []))
    monkeypatch.setattr(SoftwareSigner, "sign", lambda *_: pytest.fail("it was signed"))
    with pytest.raises(IntegrityFault) as refused:
        crls.publish_shard(entry.key_id, entry.shard)
    assert refused.value.code == "lint.failed"


def test_crls_that_a_passphrase_opens_wait_for_people() -> None:
    offline = making.root("offline", passphrase=PASSPHRASE)
    revoked_below = making.intermediate(parent="offline", parent_passphrase=PASSPHRASE)
    entry = LedgerEntry.objects.get(authority=offline, holder__contains=revoked_below.name)
    services.revoke_entry(actor=SYSTEM, entry=entry)
    crls.publish_shard(entry.key_id, entry.shard)
    assert not CRL.objects.filter(key__authority=offline).exists()
    assert AuthorityKey.objects.filter(authority=offline).exists()


def test_how_many_revocations_there_are_makes_no_more_queries(root: Authority) -> None:
    def queries(count: int) -> int:
        while {revoked(root).shard for _ in range(count)} != {0, 1}:
            pass
        with CaptureQueriesContext(connection) as asked:
            assert crls.publish_due() == 2
        return len(asked)

    assert queries(20) == queries(2)


def test_another_validity_that_comes_while_a_crl_is_signed_counts_at_once(
    root: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = revoked(root)
    while_signing(
        monkeypatch,
        lambda: services.update_authority(actor=SYSTEM, authority=root, crl_hours=10),
    )
    crls.publish_shard(entry.key_id, entry.shard)
    made = newest(entry)
    assert made.next_update - made.this_update == timedelta(hours=10)


@pytest.mark.parametrize("what", ["another reason", "another certificate"])
def test_what_comes_while_a_base_is_signed_is_on_the_next_delta(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = making.root()
    entry = revoked(root, "certificateHold")
    changed = entry if what == "another reason" else making.leaf(root).entry
    while_signing(
        monkeypatch,
        lambda: services.revoke_entry(actor=SYSTEM, entry=changed, reason="keyCompromise"),
    )
    crls.publish_shard(entry.key_id, entry.shard)
    base, after = CRL.objects.order_by("number")
    assert (base.delta_entries, after.delta_entries) == (0, 1)


def test_an_upgrade_that_does_not_know_what_the_bases_say_makes_new_ones(root: Authority) -> None:
    entry = revoked(root)
    migration = import_module("providers.migrations.0011_changes_since_base")
    migration.start_anew(apps, None)
    crls.publish_shard(entry.key_id, entry.shard)
    assert (newest(entry).entries, newest(entry).delta_entries) == (1, 0)


def test_a_crl_that_is_busy_keeps_no_other_from_being_made(root: Authority) -> None:
    shard = CRLShard.objects.get(shard=0)
    claim(CRLShard.objects.all(), shard.pk, lease=crls.LEASE, now=clock.now())
    with pytest.raises(Conflict) as refused:
        services.publish_crls(actor=SYSTEM, authority=root)
    assert refused.value.code == "crl.busy"
    assert [CRL.objects.filter(shard=number).count() for number in (0, 1)] == [1, 2]
    assert Event.objects.filter(name="authority.crls_published").count() == 1


def test_what_has_changed_about_a_key_that_is_over_waits_for_nothing(
    root: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    revoked(root)
    assert revocation_health.overall().waiting == 1
    AuthorityKey.objects.update(not_after=clock.now())
    assert revocation_health.overall().waiting == 0
    assert crls.hand_out_due() == 0
    assert not CRLChange.objects.exists()


def test_an_upgrade_knows_the_crls_that_there_are(root: Authority) -> None:
    CRLShard.objects.all().delete()
    migration = import_module("providers.migrations.0007_crl_shards")
    migration.add_shards(apps, None)
    assert revocation_health.of(root).missing == 0
    assert crls.publish_due() == 2
