"""CRLs, judged by OpenSSL, GnuTLS and pkilint."""

import getpass
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command

from certmate.core import clock
from certmate.core.errors import CertMateError, Conflict
from certmate.pki.inspect import pem_of
from providers import services
from providers.authority.custody import passphrase
from providers.authority.custody.base import SoftwareSigner
from providers.models import CRL, Authority, AuthorityKey
from providers.services import crls
from tests.providers.authority import making
from tests.providers.authority.making import PASSPHRASE, SYSTEM

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passphrase, "ROUNDS", 1)


def publish(authority: Authority) -> CRL:
    (made,) = services.publish_crls(actor=SYSTEM, authority=authority)
    return made


def later(monkeypatch: pytest.MonkeyPatch, **span: float) -> None:
    now = clock.now() + timedelta(**span)
    monkeypatch.setattr(clock, "now", lambda: now)


def shown(crl: CRL, folder: Path) -> str:
    """What OpenSSL reads in it, after it and GnuTLS have checked the signature."""
    making.write(folder, list_crl=bytes(crl.content), ca_pem=crl.key.cert)
    making.write(folder, list_pem=pem_of(bytes(crl.content), "X509 CRL"))
    is_valid, said = making.run(
        *("openssl", "crl", "-inform", "DER", "-in", "list.crl", "-CAfile", "ca.pem", "-noout"),
        "-text",
        folder=folder,
    )
    assert is_valid
    assert "verify OK" in said
    is_valid, also = making.run(
        *("certtool", "--verify-crl", "--load-ca-certificate", "ca.pem", "--infile", "list.pem"),
        folder=folder,
    )
    assert is_valid, also
    return said


def verdict(cert: str, crl: CRL, folder: Path) -> str:
    """What OpenSSL says of the certificate in the light of the CRL."""
    shown(crl, folder)
    making.write(folder, leaf_pem=cert)
    return making.run(
        *("openssl", "verify", "-crl_check", "-CAfile", "ca.pem", "-CRLfile", "list.pem"),
        "leaf.pem",
        folder=folder,
    )[1]


def test_a_revoked_certificate_is_refused_and_another_is_not(tmp_path: Path) -> None:
    root = making.root()
    good, bad = making.leaf(root), making.leaf(root)
    leaked = clock.now() - timedelta(days=3)
    services.revoke_entry(
        actor=SYSTEM, entry=bad.entry, reason="keyCompromise", invalidity_at=leaked
    )
    crl = publish(root)
    assert "certificate revoked" in verdict(bad.cert, crl, tmp_path)
    assert "leaf.pem: OK" in verdict(good.cert, crl, tmp_path)
    said = shown(crl, tmp_path)
    assert bad.entry.serial.upper() in said.replace(":", "")
    assert "Key Compromise" in said
    assert f"{leaked:%b} {leaked.day:2} {leaked:%H:%M:%S %Y} GMT" in said
    assert "Issuing Distribution Point" not in said, "it is about all that the key has signed"


def test_pkilint_finds_no_error_in_a_crl(tmp_path: Path) -> None:
    root = making.root()
    for reason in ("unspecified", "superseded", "certificateHold"):
        services.revoke_entry(actor=SYSTEM, entry=making.leaf(root).entry, reason=reason)
    making.write(tmp_path, list_crl=bytes(publish(root).content))
    lint = str(Path(sys.executable).parent / "lint_crl")
    wanted = ("-t", "CRL", "-p", "PKIX", "-s", "WARNING", "--document-format", "DER")
    is_clean, said = making.run(lint, "lint", *wanted, "list.crl", folder=tmp_path)
    assert is_clean, said


def test_what_was_on_hold_is_trusted_again_after_its_release(tmp_path: Path) -> None:
    root = making.root()
    signed = making.leaf(root)
    services.revoke_entry(actor=SYSTEM, entry=signed.entry, reason="certificateHold")
    held = publish(root)
    assert "Certificate Hold" in shown(held, tmp_path)
    assert "certificate revoked" in verdict(signed.cert, held, tmp_path)
    services.release_entry(actor=SYSTEM, entry=signed.entry)
    assert "leaf.pem: OK" in verdict(signed.cert, publish(root), tmp_path)


def test_the_number_rises_and_two_are_kept() -> None:
    root = making.root()
    numbers = [publish(root).number for _ in range(3)]
    assert numbers == sorted(set(numbers))
    assert list(CRL.objects.order_by("number").values_list("number", flat=True)) == numbers[1:]


def test_the_number_rises_although_the_clock_went_back(monkeypatch: pytest.MonkeyPatch) -> None:
    root = making.root()
    first = publish(root)
    later(monkeypatch, days=-1)
    assert publish(root).number == first.number + 1


def test_what_has_expired_stands_on_one_more_crl(monkeypatch: pytest.MonkeyPatch) -> None:
    root = making.root()
    revoked = making.leaf(root).entry
    services.revoke_entry(actor=SYSTEM, entry=revoked)
    assert publish(root).entries == 1
    later(monkeypatch, days=(revoked.not_after - clock.now()).days + 1)
    assert [publish(root).entries for _ in range(2)] == [1, 0]


def test_revocations_are_spread_over_the_shards_and_each_crl_has_its_own(tmp_path: Path) -> None:
    root = making.root(crl_shards=3)
    signed = [making.leaf(root) for _ in range(12)]
    for one in signed:
        services.revoke_entry(actor=SYSTEM, entry=one.entry)
    made = services.publish_crls(actor=SYSTEM, authority=root)
    assert [crl.shard for crl in made] == [0, 1, 2]
    assert sum(crl.entries for crl in made) == 12
    for one in signed:
        assert one.entry.shard == int(one.entry.serial, 16) % 3
        crl = made[one.entry.shard]
        assert f"/pki/root/crl/{one.entry.shard}.crl".encode() in one.der
        assert "certificate revoked" in verdict(one.cert, crl, tmp_path)
    said = shown(made[1], tmp_path)
    assert "X509v3 Issuing Distribution Point: critical" in said
    assert "URI:http://127.0.0.1:8000/pki/root/crl/1.crl" in said


def test_the_crls_of_a_replaced_key_go_on(tmp_path: Path) -> None:
    root = making.root()
    before = making.leaf(root)
    services.rotate_authority(actor=SYSTEM, authority=root)
    after = making.leaf(root)
    services.revoke_entry(actor=SYSTEM, entry=before.entry)
    old, new = services.publish_crls(actor=SYSTEM, authority=root)
    assert (old.key.number, old.shard, old.entries) == (1, 0, 1)
    assert (new.key.number, new.shard, new.entries) == (2, 1, 0)
    assert "certificate revoked" in verdict(before.cert, old, tmp_path)
    assert "leaf.pem: OK" in verdict(after.cert, new, tmp_path)


def test_what_is_due_is_made_and_one_that_fails_stops_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    making.root("first"), making.root("second")
    making.root("offline", passphrase=PASSPHRASE)
    making.intermediate("waiting", "")
    assert crls.publish_due() == 2
    assert crls.publish_due() == 0
    later(monkeypatch, hours=7 * 12 + 1)
    sign = SoftwareSigner.sign
    calls: list[object] = []

    def once(signer: SoftwareSigner, data: bytes) -> bytes:
        calls.append(signer)
        if len(calls) == 1:
            raise CertMateError("The token is away.", code="pkcs11.unavailable")
        return sign(signer, data)

    monkeypatch.setattr(SoftwareSigner, "sign", once)
    assert crls.publish_due() == 1
    assert crls.publish_due() == 1


def test_a_revocation_is_published_at_once_unless_a_person_has_to_sign() -> None:
    root, offline = making.root(), making.root("offline", passphrase=PASSPHRASE)
    for key in AuthorityKey.objects.all():
        crls.publish_shard(key.pk, 0)
    assert {crl.key.authority for crl in CRL.objects.all()} == {root}
    crls.publish_shard(UUID(int=0), 0)
    assert offline.is_offline


def test_an_authority_that_waits_publishes_nothing() -> None:
    waiting = making.intermediate("outside", "")
    with pytest.raises(Conflict) as refused:
        services.publish_crls(actor=SYSTEM, authority=waiting)
    assert refused.value.code == "authority.not_ready"


def command(*arguments: str, **options: Any) -> str:
    out = StringIO()
    call_command("publish_crls", *arguments, stdout=out, **options)
    return out.getvalue()


def test_the_command_publishes_what_is_due_with_a_line_for_each() -> None:
    making.root("first"), making.root("second")
    making.root("offline", passphrase=PASSPHRASE)
    said = command()
    assert "http://127.0.0.1:8000/pki/first/crl/0.crl: 0 entries, valid until 20" in said
    assert said.splitlines()[-1] == "2 CRLs were due."
    assert command() == "0 CRLs were due.\n"


def test_the_command_asks_for_the_passphrase_or_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    making.root("offline", passphrase=PASSPHRASE)
    monkeypatch.setattr(getpass, "getpass", lambda _: PASSPHRASE)
    assert "/pki/offline/crl/0.crl" in command("offline")
    file = tmp_path / "passphrase"
    file.write_text(f"{PASSPHRASE}\n")
    assert "/pki/offline/crl/0.crl" in command("offline", passphrase_file=file)
    file.write_text("something else entirely")
    for arguments, options in (
        (("offline",), {"passphrase_file": file}),
        (("offline",), {"passphrase_file": tmp_path / "none"}),
        (("nobody",), {}),
        ((), {"passphrase_file": file}),
    ):
        with pytest.raises(CommandError):
            command(*arguments, **options)
