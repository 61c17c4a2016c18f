"""Client certificates whose rows were lost, taken up again from their target."""

import pytest

from clients import services
from clients.models import ClientCertificate, ClientVersion
from providers.models import Authority, LedgerEntry
from storage import rebuilding
from storage import services as storage
from storage.models import RebuildItem, StorageRebuild, StorageTarget
from tests.clients import world
from tests.clients.world import SYSTEM, issue

pytestmark = pytest.mark.django_db


@pytest.fixture
def target() -> StorageTarget:
    world.authority()
    return world.target()


def rebuild(target: StorageTarget) -> StorageRebuild:
    asked = storage.rebuild_target(actor=SYSTEM, target=target)
    rebuilding.run_rebuild(asked.pk)
    asked.refresh_from_db()
    return asked


def lose() -> None:
    ClientCertificate.objects.update(current_version=None)
    ClientVersion.objects.all().delete()
    ClientCertificate.objects.all().delete()


def test_one_of_an_authority_is_as_it_was_and_can_be_renewed(target: StorageTarget) -> None:
    before = issue("device-001", san={"dns": ["device.internal"]})
    version = before.current_version
    assert version is not None
    lose()
    assert (rebuild(target).state, ClientVersion.objects.count()) == ("done", 1)
    found = ClientCertificate.objects.get()
    for field in (
        *("identifier", "authority", "profile", "storage_target", "state", "auto_renew"),
        *("method", "certificate_type", "common_name", "subject", "alt_names", "key_type"),
        "expires_at",
    ):
        assert getattr(found, field) == getattr(before, field), field
    now = found.current_version
    assert now is not None
    for field in ("fingerprint", "serial", "entry", "issuer", "subject", "not_after"):
        assert getattr(now, field) == getattr(version, field), field
    services.renew_client_certificate(actor=SYSTEM, certificate=found)
    assert [v.number for v in ClientVersion.objects.order_by("number")] == [1, 2]
    assert rebuild(target).known == 1


def test_a_line_of_the_ledger_that_was_lost_is_written_anew(target: StorageTarget) -> None:
    issue("device-001")
    lose()
    LedgerEntry.objects.filter(kind="leaf").delete()
    rebuild(target)
    found = ClientCertificate.objects.get()
    services.revoke_client_certificate(actor=SYSTEM, certificate=found, reason="keyCompromise")
    found.refresh_from_db()
    assert found.state == "revoked"
    assert LedgerEntry.objects.get(kind="leaf").revocation.reason == "keyCompromise"


def test_one_of_nobody_here_is_kept_like_one_that_was_uploaded(target: StorageTarget) -> None:
    issue("device-001")
    lose()
    LedgerEntry.objects.filter(kind="leaf").delete()
    Authority.objects.filter(name="issuing").update(name="old")
    assert rebuild(target).state == "done"
    found = ClientCertificate.objects.get()
    assert (found.method, found.authority, found.auto_renew) == ("manual", None, False)
    bundle = services.load_client_bundle(actor=SYSTEM, certificate=found, include_private=True)
    assert bundle.privkey


def test_a_profile_that_is_not_here_is_named(target: StorageTarget) -> None:
    issue("device-001", profile="device")
    profile = ClientCertificate.objects.get().profile
    assert profile is not None
    lose()
    profile.name = "renamed"
    profile.save()
    assert rebuild(target).state == "incomplete"
    assert RebuildItem.objects.get().error_code == "profile.unknown"
