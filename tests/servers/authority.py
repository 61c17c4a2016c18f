"""Keys, requests and a throw-away root, made with the openssl program and not with our own code."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

KEY_OPTIONS = {
    "rsa2048": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
    "ec256": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "ec384": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"),
}


def openssl(*arguments: str, stdin: str = "") -> str:
    """What the program prints."""
    done = subprocess.run(
        ["openssl", *arguments], input=stdin, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr}")
    return done.stdout


def private_key(kind: str = "ec256") -> str:
    """A new PKCS#8 key in PEM."""
    return openssl("genpkey", *KEY_OPTIONS[kind])


def request(key_pem: str, names: tuple[str, ...], folder: Path) -> str:
    """A CSR in PEM for these DNS names and IP addresses, without a common name."""
    key_file = folder / "request.key"
    key_file.write_text(key_pem)
    kinds = ("IP" if name.replace(".", "").isdigit() or ":" in name else "DNS" for name in names)
    san = ",".join(f"{kind}:{name}" for kind, name in zip(kinds, names, strict=True))
    return openssl(
        "req", "-new", "-key", str(key_file), "-subj", "/", "-addext", f"subjectAltName={san}"
    )


@dataclass(frozen=True)
class ServerIdentity:
    """A TLS server's certificate and key as files, and the root that a client has to trust."""

    certificate: Path
    key: Path
    root_pem: str


def server_identity(folder: Path, *names: str) -> ServerIdentity:
    """An identity for loopback and these names, under a root made for it."""
    folder.mkdir(parents=True, exist_ok=True)
    root_key, root, key, csr, cert, extensions = (
        folder / name
        for name in ("root.key", "root.pem", "tls.key", "tls.csr", "tls.pem", "tls.ext")
    )
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(
        *("req", "-x509", *curve, "-keyout", str(root_key), "-out", str(root), "-days", "30"),
        *("-subj", "/CN=Throw-away root", "-addext", "keyUsage=critical,keyCertSign,cRLSign"),
    )
    openssl("req", *curve, "-keyout", str(key), "-out", str(csr), "-subj", "/CN=localhost")
    known = ",".join(f"DNS:{name}" for name in ("localhost", *names))
    extensions.write_text(
        f"subjectAltName={known},IP:127.0.0.1,IP:::1\nbasicConstraints=critical,CA:FALSE\n"
        "extendedKeyUsage=serverAuth\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n"
    )
    openssl(
        *(
            "x509",
            "-req",
            "-in",
            str(csr),
            "-CA",
            str(root),
            "-CAkey",
            str(root_key),
            "-days",
            "30",
        ),
        *("-set_serial", "1", "-extfile", str(extensions), "-out", str(cert)),
    )
    return ServerIdentity(cert, key, root.read_text())
