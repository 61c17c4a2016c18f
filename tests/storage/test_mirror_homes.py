"""A mirror follows its own source: a bundle that only bears a certificate's name gets nobody its
key.
"""

from typing import Any

import pytest
from django.contrib.auth.models import User
from guardian.shortcuts import assign_perm

from certificates import services as certificates
from certificates.choices import OrderState
from certificates.models import Certificate, Order
from certificates.services import CertificateRequest
from certmate.access.actors import Actor
from certmate.core import clock
from certmate.core.errors import AccessDenied, Conflict, NotFound
from storage import migrating, mirroring, services
from storage.backends.base import BundleRef
from storage.models import Mirror, StorageMigration, StorageTarget
from storage.services.places import backend_of
from tests import factories
from tests.caller import Caller, problem
from tests.cast import Cast, confined
from tests.certificates.conftest import run as run_order
from tests.storage.bundles import issue

pytestmark = pytest.mark.django_db

SYSTEM = Actor.system()
REF = BundleRef("server", "www.example.com")
WISH = {"kind": REF.kind, "name": REF.name, "source": "a", "target": "b"}
PATH = "/api/storage-mirrors"


@pytest.fixture
def safe() -> StorageTarget:
    return factories.storage_target("safe")


@pytest.fixture
def stranger(cast: Cast) -> User:
    """Somebody who may make and change targets, below his own team alone."""
    confined(cast.outsider, "strangers", "view", "add", "change")
    return cast.outsider


@pytest.fixture
def places(stranger: User) -> tuple[StorageTarget, StorageTarget]:
    """Two targets of his, in the first of which he has put a bundle of his own making."""
    for name in ("a", "b"):
        given = {"backend": "local", "parameters": {"path": f"certificates-{name}"}}
        Caller(stranger).post("/api/storage-targets", name=name, team="strangers", **given)
    a, b = (StorageTarget.objects.get(name=name) for name in ("a", "b"))
    backend_of(a).put(REF, issue())
    return a, b


def issued(target: StorageTarget) -> Certificate:
    factories.authority()
    certificate, order = certificates.create_certificate(
        actor=SYSTEM,
        request=CertificateRequest(domain=REF.name, ca="internal"),
        storage_name=target.name,
    )
    return finished(order, certificate)


def renewed(certificate: Certificate) -> Certificate:
    order = certificates.renew_certificate(actor=SYSTEM, certificate=certificate)
    return finished(order, certificate)


def finished(order: Order, certificate: Certificate) -> Certificate:
    assert run_order(order).state == OrderState.SUCCEEDED
    return Certificate.objects.get(pk=certificate.pk)


def current(certificate: Certificate) -> str:
    assert certificate.current_version is not None
    return certificate.current_version.fingerprint


def mirror(source: StorageTarget, target: StorageTarget, ref: BundleRef = REF) -> Mirror:
    return Mirror.objects.create(
        kind=ref.kind,
        name=ref.name,
        source=source,
        target=target,
        wanted=backend_of(source).get(ref).fingerprint,
        next_attempt_at=clock.now(),
    )


def require_untouched(made: Mirror, source: StorageTarget, certificate: Certificate) -> None:
    """The mirror is of what was at its source, and the certificate's version is not at it."""
    Mirror.objects.update(next_attempt_at=clock.now())
    mirroring.run_mirror(made.pk)
    made.refresh_from_db()
    assert made.source == source
    assert current(certificate) not in backend_of(made.target).versions(REF)


def test_a_name_that_somebody_mirrored_before_the_certificate_gets_him_no_key(
    stranger: User, places: tuple[StorageTarget, StorageTarget], safe: StorageTarget
) -> None:
    assert Caller(stranger).post(PATH, **WISH).status_code == 201
    certificate = issued(safe)
    require_untouched(Mirror.objects.get(), places[0], certificate)
    require_untouched(Mirror.objects.get(), places[0], renewed(certificate))


def test_a_renewal_moves_no_mirror_of_another_place(
    places: tuple[StorageTarget, StorageTarget], safe: StorageTarget
) -> None:
    certificate = issued(safe)
    made = mirror(*places)
    require_untouched(made, places[0], renewed(certificate))
    bundle = issue()
    services.store_many(safe, [(REF, bundle, bundle.fingerprint)])
    assert Mirror.objects.get().wanted == made.wanted != bundle.fingerprint


def test_a_bundle_with_the_name_of_a_hidden_certificate_is_not_mirrored(
    stranger: User, places: tuple[StorageTarget, StorageTarget], safe: StorageTarget
) -> None:
    """It is answered like one that is not there."""
    issued(safe)
    refused = Caller(stranger).post(PATH, **WISH)
    problem(refused, 404, "storage.not_found")
    unknown = Caller(stranger).post(PATH, **(WISH | {"name": "unknown.example.com"}))
    differing = ("instance", "request_id")
    said = [
        {key: value for key, value in one.json().items() if key not in differing}
        for one in (refused, unknown)
    ]
    assert said[0] == said[1]
    assert not Mirror.objects.exists()


def test_a_bundle_is_mirrored_from_where_its_certificate_has_it(
    places: tuple[StorageTarget, StorageTarget], safe: StorageTarget
) -> None:
    certificate = issued(safe)
    with pytest.raises(Conflict) as caught:
        services.add_mirror(actor=SYSTEM, **WISH)
    assert (caught.value.code, caught.value.field) == ("storage.elsewhere", "source")
    made = services.add_mirror(actor=SYSTEM, **(WISH | {"source": "safe"}))
    for _ in range(2):
        mirroring.run_mirror(made.pk)
        assert backend_of(places[1]).get(REF).fingerprint == current(certificate)
        certificate = renewed(certificate)


def test_who_mirrors_a_certificate_may_change_it(
    stranger: User, places: tuple[StorageTarget, StorageTarget]
) -> None:
    certificate = factories.certificate(REF.name, storage_target=places[0])

    def ask() -> Any:
        actor = Actor.of(User.objects.get(pk=stranger.pk))
        return services.add_mirror(actor=actor, **WISH)

    with pytest.raises(NotFound):
        ask()
    assign_perm("certificates.view_certificate", stranger, certificate)
    with pytest.raises(AccessDenied):
        ask()
    assign_perm("certificates.change_certificate", stranger, certificate)
    assert ask().source == places[0]


def test_a_client_certificate_has_its_place_as_well(
    places: tuple[StorageTarget, StorageTarget], safe: StorageTarget
) -> None:
    from clients.models import ClientCertificate

    ref = BundleRef("client", "ada")
    ClientCertificate.objects.create(identifier=ref.name, storage_target=safe)
    for target in (places[0], safe):
        backend_of(target).put(ref, issue())
    wish = {"kind": ref.kind, "name": ref.name, "target": "b"}
    with pytest.raises(Conflict) as caught:
        services.add_mirror(actor=SYSTEM, source="a", **wish)
    assert caught.value.code == "storage.elsewhere"
    services.add_mirror(actor=SYSTEM, source="safe", **wish)


def test_a_migration_takes_no_mirror_along_to_a_certificate_that_it_does_not_move(
    places: tuple[StorageTarget, StorageTarget], safe: StorageTarget
) -> None:
    """What only bears the certificate's name is not at home where the certificate is."""
    own = BundleRef("server", "own.example.com")
    backend_of(places[0]).put(own, issue())
    certificate = issued(safe)
    made, beside = mirror(*places), mirror(*places, ref=own)
    migration = services.migrate_target(actor=SYSTEM, target=places[0], to="safe")
    migrating.run_migration(migration.pk)
    assert StorageMigration.objects.get().state == "done"
    beside.refresh_from_db()
    assert beside.source == safe
    require_untouched(made, places[0], renewed(certificate))


def test_what_is_stored_during_a_migration_reaches_the_mirror_at_the_new_place(
    places: tuple[StorageTarget, StorageTarget],
    safe: StorageTarget,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An order that began before still stores at the source, when the mirror has gone."""
    certificate, newer = factories.certificate(REF.name, storage_target=safe), issue()
    services.store(target=safe, ref=REF, bundle=issue())
    made = services.add_mirror(actor=SYSTEM, **(WISH | {"source": "safe", "target": "b"}))
    mirroring.run_mirror(made.pk)
    new = factories.storage_target("new")
    switch = migrating.Run._switch

    def late(run: migrating.Run) -> None:
        switch(run)
        if newer.fingerprint not in backend_of(safe).versions(REF):
            factories.version(certificate, fingerprint=newer.fingerprint, storage_target=safe)
            services.store(target=safe, ref=REF, bundle=newer)

    monkeypatch.setattr(migrating.Run, "_switch", late)
    migration = services.migrate_target(actor=SYSTEM, target=safe, to="new")
    migrating.run_migration(migration.pk)
    assert StorageMigration.objects.get().state == "done"
    made.refresh_from_db()
    assert (made.source, made.wanted) == (new, newer.fingerprint)
    mirroring.run_mirror(made.pk)
    assert backend_of(places[1]).get(REF) == newer


def test_what_moves_to_where_its_mirror_was_can_move_on(
    places: tuple[StorageTarget, StorageTarget], safe: StorageTarget
) -> None:
    factories.certificate(REF.name, storage_target=safe)
    bundle = issue()
    services.store(target=safe, ref=REF, bundle=bundle)
    made = services.add_mirror(actor=SYSTEM, **(WISH | {"source": "safe", "target": "b"}))
    mirroring.run_mirror(made.pk)
    new = factories.storage_target("new")
    for source, to in ((safe, "b"), (places[1], "new")):
        migration = services.migrate_target(actor=SYSTEM, target=source, to=to)
        migrating.run_migration(migration.pk)
        assert StorageMigration.objects.get(pk=migration.pk).state == "done"
        assert not Mirror.objects.exists()
    assert backend_of(new).get(REF) == bundle
