"""A real OpenLDAP server with some people, who may be read by themselves alone."""

import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.authority import server_identity
from tests.servers.process import free_port, running

PASSWORD = "correct horse battery staple"

_CONFIG = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
database mdb
suffix "dc=example,dc=test"
directory {folder}
access to attrs=userPassword by anonymous auth by * none
access to * by self read by * none
"""
_ROOT = """
dn: dc=example,dc=test
objectClass: dcObject
objectClass: organization
o: Example

dn: ou=people,dc=example,dc=test
objectClass: organizationalUnit
"""
_PERSON = """
dn: uid={name},ou=people,dc=example,dc=test
objectClass: inetOrgPerson
uid: {name}
cn: {name}
givenName: First of {name}
sn: Last of {name}
mail: {name}@example.test
userPassword: {password}
"""


@dataclass(frozen=True)
class Directory:
    """Where it answers, and the root (PEM file) that its certificate is under."""

    port: int
    plain_port: int
    root: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"ldaps://127.0.0.1:{self.port}"

    @property
    def start_tls_url(self) -> str:
        return f"ldap://127.0.0.1:{self.plain_port}"


@contextmanager
def slapd(*names: str) -> Iterator[Directory]:
    """People of these names, each with PASSWORD."""
    with tempfile.TemporaryDirectory(prefix="slapd-") as name:
        folder = Path(name)
        identity = server_identity(folder / "tls")
        root, config = folder / "root.pem", folder / "slapd.conf"
        root.write_text(identity.root_pem)
        config.write_text(
            _CONFIG.format(certificate=identity.certificate, key=identity.key, folder=folder)
        )
        people = "".join(_PERSON.format(name=one, password=PASSWORD) for one in names)
        subprocess.run(["slapadd", "-f", config], input=_ROOT + people, text=True, check=True)
        ports = free_port(), free_port()
        places = f"ldaps://127.0.0.1:{ports[0]} ldap://127.0.0.1:{ports[1]}"
        with running(
            ["slapd", "-f", str(config), "-h", places, "-d", "0"],
            log=folder / "log",
            is_ready=lambda: _answers(ports[0]),
        ) as process:
            yield Directory(*ports, root, process)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
