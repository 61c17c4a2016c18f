"""Authorities as tests start from them, and other people's tools as their judges."""

import subprocess
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from certmate.access.actors import Actor
from certmate.core import clock
from certmate.pki.alt_names import AltNames, parse_alt_names
from certmate.pki.inspect import pem_of
from certmate.pki.issue import complete
from certmate.pki.keys import KeyType, new_key, to_pem
from providers import issuers, services
from providers.authority.building import Leaf, spki_of
from providers.authority.cas import CAWanted, draft_ca
from providers.authority.custody.base import SoftwareSigner
from providers.issuers import SignedLeaf
from providers.models import Authority, AuthorityKey, LedgerEntry, Profile

SYSTEM = Actor.system()
PASSPHRASE = "correct horse battery staple"
NO_NAMES = AltNames()


def root(name: str = "root", **fields: Any) -> Authority:
    return services.create_authority(actor=SYSTEM, name=name, kind="root", **(_told(name) | fields))


def intermediate(name: str = "issuing", parent: str = "root", **fields: Any) -> Authority:
    return services.create_authority(
        actor=SYSTEM, name=name, kind="intermediate", parent=parent, **(_told(name) | fields)
    )


def _told(name: str) -> dict[str, Any]:
    return {"subject": {"CN": f"Test {name}", "O": "Example"}, "key_type": "ec256"}


def leaf(
    authority: Authority, *, profile: str = "client", keep: bool = True, **names: Any
) -> SignedLeaf:
    """A certificate for a new key; `names` are alternative names by kind."""
    wanted = Leaf(
        subject={"CN": "jane"},
        alt_names=parse_alt_names(**names),
        spki=spki_of(new_key(KeyType.EC256).public_key()),
        values={"identifier": "jane", "common_name": "jane"},
    )
    signed = issuers.sign_leaf(
        authority=authority,
        profile=Profile.objects.get(name=profile),
        leaf=wanted,
        holder="test/jane",
    )
    if keep:
        issuers.keep([signed])
    return signed


@cache
def elsewhere() -> tuple[str, str]:
    """Certificate and key of a root that no authority here has."""
    key = new_key(KeyType.EC256)
    wanted = CAWanted(
        subject={"CN": "A root from elsewhere"},
        public_key=key.public_key(),
        validity=timedelta(days=100),
        path_length=None,
        name_constraints={},
    )
    frame = draft_ca(wanted, None, now=clock.now()).frame
    cert = complete(frame, SoftwareSigner(key).sign(frame.tbs), None)
    return pem_of(cert), to_pem(key)


def entry(signed: SignedLeaf) -> LedgerEntry:
    """Its line of the ledger as it is now."""
    return LedgerEntry.objects.get(pk=signed.entry.pk)


def run(*command: str, folder: Path, stdin: str = "") -> tuple[bool, str]:
    """Whether the program was content, and all that it said."""
    done = subprocess.run(
        command, cwd=folder, input=stdin, capture_output=True, text=True, check=False
    )
    return done.returncode == 0, done.stdout + done.stderr


def write(folder: Path, **files: str | bytes) -> None:
    """`ca_pem` becomes the file `ca.pem`."""
    for name, content in files.items():
        path = folder / name.replace("_", ".")
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def key_of(authority: Authority) -> AuthorityKey:
    key = authority.active_key()
    assert key is not None
    return key


def judged(cert: str, chain: str, root: str, folder: Path) -> tuple[bool, bool]:
    """What OpenSSL and GnuTLS say of a certificate with the CAs between it and the root."""
    write(folder, leaf_pem=cert, chain_pem=chain or root, root_pem=root)
    write(folder, whole_pem=cert + chain + root)
    by_openssl, _ = run(
        *("openssl", "verify", "-x509_strict", "-CAfile", "root.pem", "-untrusted", "chain.pem"),
        "leaf.pem",
        folder=folder,
    )
    by_gnutls, _ = run(
        *("certtool", "--verify", "--load-ca-certificate", "root.pem", "--infile", "whole.pem"),
        folder=folder,
    )
    return by_openssl, by_gnutls


def openssl_ca(folder: Path, *more: str) -> tuple[str, str]:
    """Certificate and key of a CA that OpenSSL makes."""
    done, said = run(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "400", "-subj"),
        *("/O=Elsewhere/CN=Elsewhere Root", "-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        *more,
        folder=folder,
    )
    assert done, said
    return (folder / "ca.pem").read_text(), (folder / "ca.key").read_text()


def outside_root_signs(csr: str, folder: Path, *, extensions: str = "") -> tuple[str, str]:
    """The certificate that OpenSSL's CA makes of a CSR, and that CA's own."""
    root, _ = openssl_ca(folder)
    wanted = extensions or (
        "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        "nameConstraints=critical,permitted;DNS:example.test\n"
    )
    write(folder, csr_pem=csr, ext_cnf=wanted)
    done, said = run(
        *("openssl", "x509", "-req", "-in", "csr.pem", "-CA", "ca.pem", "-CAkey", "ca.key"),
        *("-days", "300", "-extfile", "ext.cnf", "-out", "signed.pem"),
        folder=folder,
    )
    assert done, said
    return (folder / "signed.pem").read_text(), root
