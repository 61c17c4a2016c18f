"""A worker that is killed for good in the middle of a migration, and the one after it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from certmate.access.actors import Actor
from certmate.core import clock
from storage import migrating, services
from storage.backends.base import BundleRef
from storage.choices import WorkState
from storage.models import StorageMigration
from storage.services.places import backend_of
from tests.servers.instance import wait_until
from tests.servers.openbao import VaultWorld
from tests.storage.bundles import issue

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

BUNDLES = 200
WORKER = """
import django, os
django.setup()
from django.conf import settings
from django.db import connection
connection.settings_dict["NAME"] = os.environ["KILLED_DATABASE"]
settings.DATA_DIR = os.environ["KILLED_DATA_DIR"]
from storage import migrating
migrating.CHUNK = 8
migrating.run_migration(int(os.environ["KILLED_MIGRATION"]), 2)
"""


def test_a_worker_killed_in_the_middle_of_two_hundred_loses_and_doubles_nothing(
    vault_server: VaultWorld, data_dir: Path
) -> None:
    given = {"url": vault_server.bao.address, "token": vault_server.bao.token, "path": "killed"}
    services.seed_default_target()
    source = services.default_target()
    there = services.create_target(
        actor=Actor.system(), name="there", backend="vault", parameters=given
    )
    bundle = issue()
    refs = {BundleRef("server", f"n{number:03}.example.com") for number in range(BUNDLES)}
    for ref in refs:
        backend_of(source).put(ref, bundle)
    migration = services.migrate_target(
        actor=Actor.system(), target=source, to="there", clean_up=True
    )
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "KILLED_DATABASE": str(connection.settings_dict["NAME"]),
        "KILLED_DATA_DIR": str(data_dir),
        "KILLED_MIGRATION": str(migration.pk),
    }
    worker = subprocess.Popen([sys.executable, "-c", WORKER], env=environment)

    def in_the_middle() -> bool:
        migration.refresh_from_db()
        assert worker.poll() is None, "It ended by itself."
        return 16 <= migration.copied < BUNDLES

    wait_until(in_the_middle, seconds=60, what="the middle of the migration")
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    migration.refresh_from_db()
    assert migration.state == WorkState.RUNNING
    assert set(services.list_refs(source)) == refs
    StorageMigration.objects.update(lease_expires_at=clock.now())
    migrating.run_migration(migration.pk)
    migration.refresh_from_db()
    assert (migration.state, migration.copied) == (WorkState.DONE, BUNDLES)
    found = list(services.list_refs(there))
    assert (set(found), len(found)) == (refs, BUNDLES)
    assert all(backend_of(there).versions(ref) == [bundle.fingerprint] for ref in refs)
    assert list(services.list_refs(source)) == []
