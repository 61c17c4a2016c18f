"""Client certificates whose storage target is moved to another one."""

import pytest

from certmate.pki import bundle as bundles
from clients import services
from clients.models import ClientCertificate, ClientVersion
from storage import services as storage
from storage.migrating import run_migration
from storage.models import StorageTarget
from tests.clients import world
from tests.clients.world import SYSTEM, issue

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("data_dir")]


def test_versions_are_found_at_the_new_target_and_nowhere_else() -> None:
    world.target()
    world.authority()
    files = StorageTarget.objects.create(name="files", backend="local")
    database = StorageTarget.objects.create(name="rows", backend="database")
    made = [issue(f"device-{n}", storage="files") for n in range(3)]
    services.renew_client_certificate(actor=SYSTEM, certificate=made[0])
    migration = storage.migrate_target(actor=SYSTEM, target=files, to="rows", clean_up=True)
    run_migration(migration.pk)
    migration.refresh_from_db()
    assert (migration.state, migration.copied) == ("done", 3)
    assert not ClientVersion.objects.exclude(storage_target=database).exists()
    assert not list(storage.list_refs(files))
    for certificate in ClientCertificate.objects.all():
        bundles.check(
            services.load_client_bundle(actor=SYSTEM, certificate=certificate, include_private=True)
        )
