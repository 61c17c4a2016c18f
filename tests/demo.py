"""`make demo`: the main job on real input. A loopback Pebble (ACME CA) and BIND (DNS) are started,
and a certificate is issued, renewed and revoked through CertMate with certbot, printing each step.

Nothing outside this machine is contacted, and everything is made in a temporary directory.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.servers.bind import Bind, bind
from tests.servers.pebble import Pebble, pebble

NAMES = ["www.example.test", "example.test", "*.example.test"]


def main() -> int:
    with (
        tempfile.TemporaryDirectory(prefix="certmate-demo-") as folder,
        bind(["example.test"]) as dns,
        pebble(dns=dns.address) as ca,
    ):
        say(f"A CA (Pebble) is at {ca.directory_url}, a DNS server (BIND) at {dns.address}.")
        set_up(Path(folder))
        demonstrate(Path(folder), ca, dns)
    return 0


def set_up(folder: Path) -> None:
    for name in [name for name in os.environ if name.startswith("CERTMATE_")]:
        del os.environ[name]
    os.environ.update(
        CERTMATE_DATA_DIR=str(folder),
        CERTMATE_LOG_LEVEL="ERROR",
        DJANGO_SETTINGS_MODULE="certmate.settings",
        # There is no worker to wake: the demonstration carries out its orders itself.
        CERTMATE_BROKER_URL="memory://",
    )
    from certmate.env import create_local_secrets

    create_local_secrets()
    import django
    from django.core.management import call_command

    django.setup()
    call_command("bootstrap")


def demonstrate(folder: Path, ca: Pebble, dns: Bind) -> None:
    from certificates import services as certificates
    from certmate.access.actors import Actor
    from providers import services as providers

    actor = Actor.system()
    say(
        "Two accounts: the CA's directory with its private root, and the DNS server with its "
        "TSIG key."
    )
    providers.create_ca_account(
        actor=actor,
        name="pebble",
        provider="acme",
        directory_url=ca.directory_url,
        email="ops@example.test",
        trust_bundle=ca.trust_pem,
    )
    providers.create_dns_account(
        actor=actor,
        name="bind",
        provider="rfc2136",
        credentials=dns.credentials(),
        zones=["example.test"],
        propagation_seconds=1,
    )
    rows = []
    say(f"Issue {', '.join(NAMES)}")
    request = certificates.CertificateRequest(domain=NAMES[0], san_domains=NAMES[1:], ca="pebble")
    certificate, order = certificates.create_certificate(actor=actor, request=request)
    rows.append(carried_out("issue", order.pk, certificate.name))

    say("Renew it: a new key and a new version, the same CA account")
    certificate.refresh_from_db()
    order = certificates.renew_certificate(actor=actor, certificate=certificate)
    rows.append(carried_out("renew", order.pk, certificate.name))
    check_with_openssl(folder, ca, certificate.name)

    say("Revoke the current version (RFC 8555 §7.6, reason superseded)")
    certificate.refresh_from_db()
    order = certificates.revoke_certificate(
        actor=actor, certificate=certificate, reason="superseded"
    )
    rows.append(carried_out("revoke", order.pk, certificate.name))
    assert certificate.current_version is not None
    status = ca.status(certificate.current_version.serial)["Status"]
    say(f"The CA says of serial {certificate.current_version.serial}: {status}")
    summary(rows, ca)


def carried_out(kind: str, order_id: int, name: str) -> tuple[str, str, str, str]:
    """Carry out the order, showing its log; a row for the summary."""
    from django.core.management.base import BaseCommand

    from certificates.management.commands.issue import follow
    from certificates.models import Certificate

    started = time.monotonic()
    follow(BaseCommand(stdout=sys.stdout), [order_id])
    seconds = f"{time.monotonic() - started:.1f} s"
    version = Certificate.objects.get(name=name).current_version
    assert version is not None
    return kind, f"version {version.number}", version.serial, seconds


def check_with_openssl(folder: Path, ca: Pebble, name: str) -> None:
    """Somebody else's opinion of what is on disk: the chain leads to the CA's root, and the key
    fits.
    """
    bundle = folder / "certificates" / "server" / name
    root = folder / "root.pem"
    root.write_text(ca.root())
    say(f"openssl's opinion of {bundle}")
    verify = ["openssl", "verify", "-CAfile", str(root), "-untrusted", str(bundle / "chain.pem")]
    run([*verify, "-verify_hostname", "anything.example.test", str(bundle / "cert.pem")])
    public = run(
        ["openssl", "x509", "-in", str(bundle / "cert.pem"), "-noout", "-pubkey"], quiet=True
    )
    private = run(["openssl", "pkey", "-in", str(bundle / "privkey.pem"), "-pubout"], quiet=True)
    if public != private:
        raise SystemExit("The private key does not fit the certificate.")
    print("  the private key fits the certificate")


def run(command: list[str], *, quiet: bool = False) -> str:
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if not quiet:
        print("  " + output.strip())
    return output


def say(message: str) -> None:
    print(f"\n== {message}", flush=True)


def summary(rows: list[tuple[str, str, str, str]], ca: Pebble) -> None:
    say("Summary")
    for row in [("order", "now current", "serial", "took"), *rows]:
        print("  {:8} {:12} {:40} {}".format(*row))
    print(f"  ACME accounts registered at the CA: {ca.registered()}")
    print(f"  certificates issued by the CA:      {ca.issued()}")


if __name__ == "__main__":
    raise SystemExit(main())
