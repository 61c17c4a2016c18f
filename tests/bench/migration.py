"""A thousand bundles moved from files to OpenBao, beside plain loops of hvac calls."""

import json
import tempfile
import time
from functools import partial
from pathlib import Path

import requests

from tests.bench.result import Result
from tests.servers.instance import Instance, bootstrapped
from tests.servers.openbao import OpenBao, in_memory
from tests.servers.standin import Reply, Request, serving

BUNDLES = 1_000
FEW = 60
LATENCY = 0.03
"""Seconds, as to another region."""

WORKERS = 8

FILL = """
from certmate.access.actors import Actor
from storage import services
from storage.backends.base import BundleRef
from tests.storage.bundles import issue
few = services.create_target(
    actor=Actor.system(), name="few", backend="local", parameters={{"path": "certificates-few"}})
for source, count in ((services.default_target(), {count}), (few, {few})):
    for number in range(count):
        name = f"host-{{number:04}}.example.com"
        services.store(target=source, ref=BundleRef("server", name), bundle=issue(name))
for name in ("one", "many", "far-one", "far-many"):
    url = "{far}" if name.startswith("far") else "{address}"
    services.create_target(actor=Actor.system(), name=name, backend="vault", parameters={{
        "url": url, "token": "{token}", "path": f"certmate/{{name}}"}})
"""

PLAIN = """
import json, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import hvac
from django.conf import settings
client = hvac.Client("{address}", token="{token}")
kv = client.secrets.kv.v2
folders = sorted((Path(settings.DATA_DIR) / "certificates/server").iterdir())

def copy(folder, root):
    files = {{name: (folder / name).read_text() for name in (
        "cert.pem", "chain.pem", "fullchain.pem", "privkey.pem")}}
    metadata = json.loads((folder / "metadata.json").read_text())
    path, secret = f"{{root}}/{{folder.name}}", {{"files": files, "metadata": metadata}}
    kv.create_or_update_secret(path, secret)
    found = kv.read_secret_version(path, raise_on_deleted_version=True)["data"]["data"]
    assert found == secret

started = time.perf_counter()
for folder in folders:
    copy(folder, "plain")
alone = time.perf_counter() - started
with ThreadPoolExecutor({workers}) as pool:
    started = time.perf_counter()
    list(pool.map(lambda folder: copy(folder, "threads"), folders))
print(json.dumps([alone, time.perf_counter() - started]))
"""

MIGRATE = """
import json, time
from certmate.access.actors import Actor
from storage import migrating, services
from storage.models import StorageTarget
seconds = []
for start, name, workers in (("local", "one", 1), ("local", "many", {workers}),
                             ("few", "far-one", 1), ("few", "far-many", {workers})):
    source = StorageTarget.objects.get(name=start)
    migration = services.migrate_target(actor=Actor.system(), target=source, to=name)
    started = time.perf_counter()
    migrating.run_migration(migration.pk, workers)
    seconds.append(time.perf_counter() - started)
    migration.refresh_from_db()
    assert (migration.state, migration.copied) == ("done", {few} if start == "few" else {count}), (
        migration.state, migration.copied, migration.error_detail)
print(json.dumps(seconds))
"""


def measure() -> list[Result]:
    with (
        tempfile.TemporaryDirectory(prefix="bao-") as folder,
        in_memory(Path(folder)) as bao,
        serving(partial(_late, bao)) as far,
        bootstrapped() as certmate,
    ):
        _run(certmate, FILL, bao, far)
        plain, threads = _run(certmate, PLAIN, bao, far)
        alone, together, far_alone, far_together = _run(certmate, MIGRATE, bao, far)
    return [
        Result(
            f"moving {BUNDLES} bundles, one at a time",
            alone / plain,
            1.3,
            "x",
            f"{alone * 1000 / BUNDLES:.1f} ms a bundle, a plain loop of hvac calls "
            f"{plain * 1000 / BUNDLES:.1f} ms",
        ),
        Result(
            f"the same with {WORKERS} threads",
            together / threads,
            1.3,
            "x",
            f"{alone / together:.1f} times as fast as one at a time; hvac alone gains "
            f"{plain / threads:.1f} times by {WORKERS} threads on this machine",
        ),
        Result(
            f"moving {FEW} with {WORKERS} threads, answers {LATENCY * 1000:.0f} ms away",
            far_together / far_alone,
            1 / 3,
            "x",
            f"of {far_alone * 1000 / FEW:.1f} ms a bundle, one at a time",
        ),
    ]


def _late(bao: OpenBao, request: Request) -> Reply:
    """The server's answer, as from further away."""
    time.sleep(LATENCY)
    headers = {k: v for k, v in request.headers.items() if k.lower().startswith("x-vault")}
    answer = requests.request(
        request.method, bao.address + request.target, data=request.body, headers=headers, timeout=30
    )
    return Reply(answer.status_code, json.loads(answer.content) if answer.content else None)


def _run(certmate: Instance, script: str, bao: OpenBao, far: str) -> list[float]:
    filled = script.format(
        address=bao.address, far=far, token=bao.token, count=BUNDLES, few=FEW, workers=WORKERS
    )
    said = certmate.manage("shell", "--no-imports", "-c", filled)
    found: list[float] = json.loads(said.splitlines()[-1]) if said.strip() else []
    return found
