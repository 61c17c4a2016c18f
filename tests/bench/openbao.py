"""OpenBao's PKI engine on loopback: what the private CA is measured beside."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import requests

from tests.servers import openbao as server
from tests.servers.instance import wait_until
from tests.servers.openbao import BINARY, OpenBao
from tests.servers.process import free_port, running

_CONFIG = """
storage "raft" {{ path = "{folder}/data"
  node_id = "bench" }}
listener "tcp" {{ address = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{peer_port}"
  tls_disable = true }}
api_addr = "http://127.0.0.1:{port}"
cluster_addr = "http://127.0.0.1:{peer_port}"
disable_mlock = true
audit "file" "bench" {{ options = {{ file_path = "{folder}/audit.log" }} }}
"""


@contextmanager
def in_memory(folder: Path) -> Iterator[OpenBao]:
    """A development server: it keeps nothing and logs nothing."""
    with server.in_memory(folder) as bao:
        _prepare(bao)
        yield bao


@contextmanager
def durable(folder: Path) -> Iterator[OpenBao]:
    """A server that keeps what it issues on disk and audits it, as CertMate does."""
    port = free_port()
    config = folder / "bao.hcl"
    (folder / "data").mkdir()
    config.write_text(_CONFIG.format(folder=folder, port=port, peer_port=free_port()))
    sealed = OpenBao(port, "")
    command = [BINARY, "server", f"-config={config}"]
    with running(command, log=folder / "bao.log", is_ready=lambda: sealed.answers(501)):
        shares = {"secret_shares": 1, "secret_threshold": 1}
        made = requests.put(f"{sealed.address}/v1/sys/init", json=shares, timeout=30).json()
        key = {"key": made["keys"][0]}
        requests.put(f"{sealed.address}/v1/sys/unseal", json=key, timeout=30).raise_for_status()
        bao = OpenBao(port, made["root_token"])
        wait_until(lambda: bao.answers(200), seconds=30, what="OpenBao, unsealed")
        _prepare(bao)
        yield bao


def _prepare(bao: OpenBao) -> None:
    """A root (P-256) and a role that makes P-256 keys and stores what it issues."""
    key = {"key_type": "ec", "key_bits": 256}
    bao.call("sys/mounts/pki", type="pki", config={"max_lease_ttl": "87600h"})
    bao.call("pki/root/generate/internal", common_name="Bench", ttl="87600h", **key)
    role = {"allow_any_name": True, "server_flag": False, "max_ttl": "8760h"}
    bao.call("pki/roles/device", **key, **role)


def issue(bao: OpenBao, count: int, clients: int) -> float:
    """Seconds for this many certificates with keys, asked for by concurrent clients."""
    numbers, lock = iter(range(count)), threading.Lock()

    def work(_: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", bao.port, timeout=30)
        with closing(connection):
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                body = json.dumps({"common_name": f"device-{number}.example.test", "ttl": "8760h"})
                headers = {"X-Vault-Token": bao.token}
                connection.request("POST", "/v1/pki/issue/device", body, headers)
                answer = connection.getresponse()
                text = answer.read()
                assert answer.status == 200, text
                assert b"PRIVATE KEY" in text

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(work, range(clients)))
    return time.perf_counter() - started
