"""Client certificates, taken up from a target that somebody has written into."""

from dataclasses import replace

import pytest

from clients import services
from clients.models import ClientCertificate
from providers.models import LedgerEntry
from storage import services as storage
from storage.backends.base import BundleRef
from storage.models import StorageTarget
from tests import factories
from tests.clients.test_adopting import lose, rebuild, target
from tests.clients.world import SYSTEM, issue
from tests.storage.bundles import issue as foreign

__all__ = ["target"]

pytestmark = pytest.mark.django_db


def test_an_uploaded_one_is_not_replaced_by_a_strangers(target: StorageTarget) -> None:
    bundle = foreign("alice.example.com")
    made = services.upload_client_certificate(
        actor=SYSTEM,
        certificate=bundle.cert,
        chain=bundle.chain,
        private_key=bundle.privkey or "",
        identifier="alice",
        storage_name=target.name,
    )
    storage.store(
        target=target, ref=BundleRef("client", "alice"), bundle=foreign("mallory.example.com")
    )
    rebuild(target)
    made.refresh_from_db()
    assert made.current_version is not None
    assert made.current_version.fingerprint == bundle.fingerprint


def test_the_identity_is_not_whoever_the_target_says(target: StorageTarget) -> None:
    services.create_identity(actor=SYSTEM, name="boss", kind="person")
    services.create_identity(actor=SYSTEM, name="mallory", kind="person")
    made = issue("mallory-laptop", identity="mallory")
    ref = BundleRef("client", made.identifier)
    bundle = storage.load(target=target, ref=ref)
    lose()
    storage.remove(target=target, ref=ref)
    told = replace(bundle, metadata=bundle.metadata | {"identity": "boss"})
    storage.store(target=target, ref=ref, bundle=told)
    rebuild(target)
    found = ClientCertificate.objects.first()
    assert found is None or found.identity is None or found.identity.name != "boss"


def test_the_profile_is_the_ledgers_and_not_the_targets(target: StorageTarget) -> None:
    made = issue("device-001")
    was = made.profile and made.profile.name
    ref = BundleRef("client", made.identifier)
    bundle = storage.load(target=target, ref=ref)
    factories.profile("longer")
    lose()
    storage.remove(target=target, ref=ref)
    told = replace(bundle, metadata=bundle.metadata | {"profile": "longer"})
    storage.store(target=target, ref=ref, bundle=told)
    rebuild(target)
    found = ClientCertificate.objects.first()
    assert found is None or (found.profile and found.profile.name) == was


def test_a_line_that_was_lost_is_not_for_whoever_brings_the_certificate_without_its_key(
    target: StorageTarget,
) -> None:
    """Its new holder may revoke it, and the right one never gets it back."""
    made = issue("device-001")
    bundle = storage.load(target=target, ref=BundleRef("client", made.identifier))
    lose()
    LedgerEntry.objects.filter(kind="leaf").delete()
    storage.remove(target=target, ref=BundleRef("client", made.identifier))
    public = replace(bundle, privkey=None)
    storage.store(target=target, ref=BundleRef("client", "mallory"), bundle=public)
    rebuild(target)
    storage.store(target=target, ref=BundleRef("client", made.identifier), bundle=bundle)
    rebuild(target)
    assert [line.holder for line in LedgerEntry.objects.filter(kind="leaf")] != ["client/mallory"]
    assert ClientCertificate.objects.filter(identifier="device-001").exists()
