"""OpenSSL, GnuTLS and nginx ask over HTTP and see what is true."""

import base64
import http.client
import ssl
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from certmate.core import clock
from certmate.pki.alt_names import parse_alt_names
from certmate.pki.keys import KeyType, new_key, to_pem
from providers import issuers, services
from providers.authority.building import Leaf, spki_of
from providers.issuers import SignedLeaf
from providers.models import Authority, AuthorityKey, LedgerEntry, Profile
from providers.services.ocsp import answering, producing
from tests.providers.authority import making
from tests.providers.authority.making import SYSTEM, run, write
from tests.servers.nginx import BY_OCSP, Nginx, nginx

pytestmark = [pytest.mark.django_db, pytest.mark.integration]


@pytest.fixture
def url(live_server: Any, settings: Any) -> str:
    """Where CertMate answers; it stands in what is signed."""
    # nginx looks no name up without a resolver.
    settings.CERTMATE_PKI_URL = live_server.url.replace("localhost", "127.0.0.1")
    return f"{settings.CERTMATE_PKI_URL}/pki/root/ocsp"


class Verifier:
    """Other people's programs with one CA (`ca.pem`) and certificates below it."""

    def __init__(self, folder: Path, url: str, key: AuthorityKey) -> None:
        self.folder, self.url, self.key = folder, url, key
        write(folder, ca_pem=key.cert)

    def all_say(self, signed: SignedLeaf) -> set[str]:
        write(self.folder, leaf_pem=signed.cert)
        found = {self.openssl("-cert", "leaf.pem", digest) for digest in ("-sha1", "-sha256")}
        return found | {self.openssl_by_get(), self.gnutls()}

    def openssl(self, *about: str) -> str:
        """By POST, with a nonce."""
        return _word(self._openssl("-url", self.url, *about))

    def openssl_by_get(self) -> str:
        asked = ("-cert", "leaf.pem", "-no_nonce")
        self._openssl(*asked, "-reqout", "request.der")
        text = base64.b64encode((self.folder / "request.der").read_bytes()).decode()
        answer = requests.get(f"{self.url}/{quote(text, safe='')}", timeout=10)
        write(self.folder, answer_der=answer.content)
        return _word(self._openssl(*asked, "-respin", "answer.der"))

    def _openssl(self, *more: str) -> str:
        # Which hash is asked with comes before whom it is asked about.
        more = tuple(sorted(more, key=lambda word: not word.startswith("-sha")))
        return run(
            *("openssl", "ocsp", "-issuer", "ca.pem", "-CAfile", "ca.pem", *more),
            folder=self.folder,
        )[1]

    def gnutls(self) -> str:
        _, said = run(
            *("ocsptool", f"--ask={self.url}", "--load-issuer=ca.pem", "--load-cert=leaf.pem"),
            *("--load-trust=ca.pem", "--no-nonce"),
            folder=self.folder,
        )
        return _word(said)


def _word(said: str) -> str:
    """The verdict in what a program says; all of it, if the answer is not to be trusted."""
    if "Responder Error: " in said:
        return said.split("Responder Error: ")[1].split()[0]
    is_verified = "Response verify OK" in said or "Verifying OCSP Response: Success" in said
    for word in ("good", "revoked", "unknown"):
        if is_verified and (f": {word}" in said or f"Certificate Status: {word}" in said):
            return word
    return said


def test_openssl_and_gnutls_agree_with_the_ledger(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = making.root()
    first, second = making.leaf(root), making.leaf(root)
    producing.produce_due()
    verifier = Verifier(tmp_path, url, making.key_of(root))
    assert verifier.all_say(first) == {"good"}
    services.revoke_entry(actor=SYSTEM, entry=first.entry, reason="certificateHold")
    services.revoke_entry(actor=SYSTEM, entry=second.entry, reason="keyCompromise")
    producing.produce_due()
    assert verifier.all_say(first) == verifier.all_say(second) == {"revoked"}
    services.release_entry(actor=SYSTEM, entry=first.entry)
    producing.produce_due()
    assert verifier.all_say(first) == {"good"}
    _revoke_responder(root)
    assert (verifier.all_say(first), verifier.all_say(second)) == ({"good"}, {"revoked"})
    services.rotate_authority(actor=SYSTEM, authority=root)
    third = making.leaf(root)
    producing.produce_due()
    _later(monkeypatch)
    assert (verifier.all_say(first), verifier.all_say(second)) == ({"good"}, {"revoked"})
    write(tmp_path, leaf_pem=third.cert)
    assert verifier.openssl("-cert", "leaf.pem") == "unauthorized", "another key has signed it"
    assert Verifier(tmp_path, url, making.key_of(root)).all_say(third) == {"good"}


def test_openssl_is_told_what_the_web_signs_itself(url: str, tmp_path: Path, settings: Any) -> None:
    settings.CERTMATE_OCSP_LIVE = 1000
    root = making.root()
    signed, other = making.leaf(root), making.leaf(root)
    services.revoke_entry(actor=SYSTEM, entry=other.entry)
    producing.produce_due()
    verifier = Verifier(tmp_path, url, making.key_of(root))
    write(tmp_path, leaf_pem=signed.cert, other_pem=other.cert)
    asked = ("-url", url, "-cert", "leaf.pem")
    said = verifier._openssl(*asked)
    assert _word(said) == "good"
    assert "no nonce" not in said
    assert "nonce" in verifier._openssl(*asked, "-resp_text").lower()
    assert verifier.openssl("-serial", "0x1234") == "unknown"
    both = verifier._openssl(*asked, "-cert", "other.pem")
    assert ("leaf.pem: good" in both, "other.pem: revoked" in both) == (True, True)
    _, nonce = run(
        *("ocsptool", f"--ask={url}", "--load-issuer=ca.pem", "--load-cert=leaf.pem"),
        *("--load-trust=ca.pem", "--nonce"),
        folder=tmp_path,
    )
    assert _word(nonce) == "good"


def _later(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a web process looks for issuers again."""
    now = clock.now
    monkeypatch.setattr(clock, "now", lambda: now() + answering.LOOK_AGAIN_AFTER)


def _revoke_responder(root: Authority) -> None:
    responder = LedgerEntry.objects.get(authority=root, kind="ocsp")
    services.revoke_entry(actor=SYSTEM, entry=responder, reason="superseded")
    producing.produce_due()


def _bundle(authority: Authority, name: str, folder: Path, **more: Any) -> SignedLeaf:
    """A certificate with its key in the folder, as `<name>.pem` and `<name>.key`."""
    private = new_key(KeyType.EC256)
    leaf = Leaf(
        subject={},
        alt_names=parse_alt_names(**more),
        spki=spki_of(private.public_key()),
        values={"identifier": name, "common_name": name},
        validity=timedelta(days=30),
    )
    profile = Profile.objects.get(name="mutual")
    signed = issuers.sign_leaf(authority=authority, profile=profile, leaf=leaf, holder=name)
    issuers.keep([signed])
    (folder / f"{name}.pem").write_text(signed.cert + signed.chain)
    (folder / f"{name}.key").write_text(to_pem(private))
    return signed


def _visit(server: Nginx, name: str) -> int:
    context = ssl.create_default_context(cafile=str(server.folder / "clients.pem"))
    context.load_cert_chain(server.folder / f"{name}.pem", server.folder / f"{name}.key")
    connection = http.client.HTTPSConnection("localhost", server.port, context=context, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    finally:
        connection.close()


def test_nginx_asks_about_its_clients_and_the_ca_between(url: str, tmp_path: Path) -> None:
    root = making.root()
    below = making.intermediate()
    _bundle(below, "server", tmp_path, dns=["localhost"])
    jane = _bundle(below, "jane", tmp_path, dns=["jane.test"])
    _bundle(below, "joe", tmp_path, dns=["joe.test"])
    write(tmp_path, clients_pem=making.key_of(root).cert)
    producing.produce_due()
    with nginx(tmp_path, BY_OCSP) as server:
        assert _visit(server, "jane") == 200
        services.revoke_entry(actor=SYSTEM, entry=jane.entry, reason="certificateHold")
        producing.produce_due()
        assert (_visit(server, "jane"), _visit(server, "joe")) == (400, 200)
        services.release_entry(actor=SYSTEM, entry=jane.entry)
        producing.produce_due()
        assert _visit(server, "jane") == 200
        ca = LedgerEntry.objects.get(holder="authority/issuing", kind="ca")
        services.revoke_entry(actor=SYSTEM, entry=ca)
        producing.produce_due()
        assert (_visit(server, "jane"), _visit(server, "joe")) == (400, 400)
