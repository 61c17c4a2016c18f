"""nginx that asks its clients for a certificate, on loopback."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.process import free_port, running

_CONFIGURATION = """\
daemon off;
master_process on;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
user {user};
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/tmp;
  proxy_temp_path {folder}/tmp;
  fastcgi_temp_path {folder}/tmp;
  uwsgi_temp_path {folder}/tmp;
  scgi_temp_path {folder}/tmp;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.key;
    ssl_client_certificate {folder}/clients.pem;
    {revocation}
    ssl_verify_client on;
    ssl_verify_depth 3;
    location / {{ return 200 "$ssl_client_s_dn"; }}
  }}
}}
"""


@dataclass(frozen=True)
class Nginx:
    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    def reload(self) -> None:
        """Read certificates and CRLs again; new workers answer from then on."""
        self.process.send_signal(signal.SIGHUP)


BY_CRL = "ssl_crl {folder}/crl.pem;"
BY_OCSP = "ssl_ocsp on;"


@contextmanager
def nginx(folder: Path, revocation: str = BY_CRL) -> Iterator[Nginx]:
    """nginx over the folder's server.pem, server.key and clients.pem, and crl.pem `BY_CRL`."""
    port = free_port()
    configuration = folder / "nginx.conf"
    user = "root" if os.geteuid() == 0 else "nobody"
    revocation = revocation.format(folder=folder)
    values = {"folder": folder, "port": port, "user": user, "revocation": revocation}
    configuration.write_text(_CONFIGURATION.format(**values))
    (folder / "tmp").mkdir()
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"
    command = [program, "-p", str(folder), "-c", str(configuration), "-e", f"{folder}/start.log"]
    with running(command, log=folder / "out.log", is_ready=lambda: _listens(port)) as process:
        yield Nginx(folder, port, process)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0
