"""Certificates of a private authority whose rows were lost, taken up again from their target."""

from dataclasses import replace

import pytest

from certificates import services
from certificates.models import Certificate, Order, Version
from certmate.access.actors import Actor
from certmate.pki.bundle import Bundle
from providers.models import Authority, LedgerEntry, Revocation
from providers.services import revoke_entry
from storage import rebuilding
from storage import services as storage
from storage.backends.base import BundleRef
from storage.models import RebuildItem, StorageRebuild
from tests import factories
from tests.certificates.test_authority_orders import current, done, issue, line, stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

SYSTEM = Actor.system()


@pytest.fixture
def authority() -> Authority:
    return factories.authority()


def rebuild() -> StorageRebuild:
    asked = storage.rebuild_target(actor=SYSTEM, target=storage.default_target())
    rebuilding.run_rebuild(asked.pk)
    asked.refresh_from_db()
    return asked


def lose(*, ledger: bool = False) -> None:
    """The rows, as in an older backup; the bundles stay."""
    Certificate.objects.update(current_version=None)
    for model in (Order, Version, Certificate):
        model.objects.all().delete()
    if ledger:
        LedgerEntry.objects.filter(kind="leaf").delete()


def test_it_is_as_it_was_and_can_be_renewed(authority: Authority) -> None:
    before = issue("app.internal", "*.app.internal", "10.0.0.7")
    was = current(before)
    entry = line(was)
    lose()
    assert (rebuild().state, Version.objects.count()) == ("done", 1)
    found = Certificate.objects.get()
    for field in ("name", "names", "authority", "profile", "key_type", "storage_target", "state"):
        assert getattr(found, field) == getattr(before, field)
    now = current(found)
    for field in ("fingerprint", "serial", "not_after", "issuer", "cert", "chain", "names"):
        assert getattr(now, field) == getattr(was, field)
    assert line(now) == entry
    renewed = done(services.renew_certificate(actor=SYSTEM, certificate=found))
    assert current(renewed).number == 2
    assert stored(now).privkey is not None


def test_a_line_that_was_lost_is_written_anew_so_that_it_can_be_revoked(
    authority: Authority,
) -> None:
    was = line(current(issue("app.internal")))
    lose(ledger=True)
    assert rebuild().state == "done"
    now = line(current(Certificate.objects.get()))
    assert now.pk != was.pk
    for field in ("serial", "shard", "key", "public_key_hash", "holder", "profile", "not_after"):
        assert getattr(now, field) == getattr(was, field)
    assert bytes(now.cert or b"") == bytes(was.cert or b"")
    revoke_entry(actor=SYSTEM, entry=now)
    assert Certificate.objects.get().state == "revoked"


def test_what_the_ledger_says_is_revoked_is_so(authority: Authority) -> None:
    revoke_entry(actor=SYSTEM, entry=line(current(issue("app.internal"))))
    lose()
    rebuild()
    found = Certificate.objects.get()
    assert (found.state, found.renew_at) == ("revoked", None)
    assert current(found).revoked_at == Revocation.objects.get().revoked_at


def test_nobody_gets_hold_of_the_line_of_another_holder_or_of_a_ca(authority: Authority) -> None:
    theirs = stored(current(issue("theirs.internal")))
    factories.authority("below", kind="intermediate", parent="internal")
    ca = Authority.objects.get(name="below").active_key()
    assert ca is not None
    lose()
    target = storage.default_target()
    told = {"ca_provider": "authority", "ca_account_id": "internal", "domain": "mine.internal"}
    planted = replace(theirs, metadata=told)
    storage.store(target=target, ref=BundleRef("server", "mine.internal"), bundle=planted)
    client = {"authority": "internal", "profile": "client"}
    planted = replace(theirs, metadata=client)
    storage.store(target=target, ref=BundleRef("client", "theirs"), bundle=planted)
    planted = Bundle(ca.cert, "", None, client)
    storage.store(target=target, ref=BundleRef("client", "ca"), bundle=planted)
    rebuild()
    refused = RebuildItem.objects.filter(error_code="ledger.other_holder")
    assert set(refused.values_list("name", flat=True)) == {"mine.internal", "theirs", "ca"}
    LedgerEntry.objects.filter(serial=ca.serial).delete()
    rebuild()
    assert RebuildItem.objects.filter(name="ca", error_code="ledger.other_holder").count() == 2


def test_one_that_the_authority_has_not_signed_is_not_its_own(authority: Authority) -> None:
    issue("app.internal")
    lose(ledger=True)
    Authority.objects.filter(pk=authority.pk).update(name="old")
    factories.authority("internal", subject={"CN": "internal root"})
    assert rebuild().state == "incomplete"
    assert RebuildItem.objects.get().error_code == "ledger.not_signed"
    assert not Certificate.objects.exists()
    assert not LedgerEntry.objects.filter(kind="leaf").exists()
