"""A real server lets a client in with our certificate, and no more once that is revoked."""

import http.client
import ssl
import subprocess
import time
from pathlib import Path

import pytest

from clients import services
from clients.models import ClientCertificate
from providers.models import CRL, Authority
from providers.services import publish_crls
from tests.clients import world
from tests.clients.world import SYSTEM
from tests.servers.nginx import Nginx, nginx

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


def crls_pem() -> str:
    """The newest CRLs of both authorities, as openssl writes them for nginx."""
    for authority in Authority.objects.all():
        publish_crls(actor=SYSTEM, authority=authority)
    text = ""
    for authority in Authority.objects.all():
        newest = CRL.objects.filter(key__authority=authority).order_by("-number")[0]
        done = subprocess.run(
            ["openssl", "crl", "-inform", "DER"],
            input=bytes(newest.content),
            capture_output=True,
            check=True,
        )
        text += done.stdout.decode()
    return text


def write(folder: Path, certificate: ClientCertificate, name: str) -> None:
    bundle = services.load_client_bundle(
        actor=SYSTEM, certificate=certificate, include_private=True
    )
    (folder / f"{name}.pem").write_text(bundle.fullchain)
    (folder / f"{name}.key").write_text(str(bundle.privkey))


def answer(server: Nginx, name: str) -> tuple[int, str]:
    context = ssl.create_default_context(cafile=str(server.folder / "clients.pem"))
    context.load_cert_chain(server.folder / f"{name}.pem", server.folder / f"{name}.key")
    connection = http.client.HTTPSConnection("localhost", server.port, context=context, timeout=5)
    try:
        connection.request("GET", "/")
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_nginx_accepts_a_certificate_until_it_is_revoked(tmp_path: Path) -> None:
    world.target()
    world.authority()
    server = world.issue("localhost", profile="server", san={"dns": ["localhost"]})
    jane = world.issue("jane", subject={"O": "Example"})
    joe = world.issue("joe")
    for name, made in (("server", server), ("jane", jane), ("joe", joe)):
        write(tmp_path, made, name)
    root = Authority.objects.get(name="root").active_key()
    assert root is not None
    (tmp_path / "clients.pem").write_text(root.cert)
    (tmp_path / "crl.pem").write_text(crls_pem())
    with nginx(tmp_path) as running:
        assert answer(running, "jane") == (200, "CN=jane,O=Example")
        services.revoke_client_certificate(actor=SYSTEM, certificate=jane, reason="superseded")
        (tmp_path / "crl.pem").write_text(crls_pem())
        running.reload()
        until = time.monotonic() + 10
        while (refused := answer(running, "jane"))[0] == 200 and time.monotonic() < until:
            # The old worker may still answer for a moment.
            pass
        assert refused[0] == 400
        assert "SSL certificate error" in refused[1]
        assert answer(running, "joe")[0] == 200, "others are still let in"
