"""Delta CRLs, judged by OpenSSL and pkilint, and by what a full CRL and a delta say together."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from certmate.core import clock
from certmate.pki.inspect import pem_of
from providers import services
from providers.models import CRL, Authority, CRLRelease, CRLShard, LedgerEntry, Revocation
from providers.services import crl_making, crls
from tests.access.worlds import searching
from tests.providers.authority import making
from tests.providers.authority.making import PASSPHRASE, SYSTEM

pytestmark = pytest.mark.django_db


def publish(authority: Authority) -> CRL:
    (made,) = services.publish_crls(actor=SYSTEM, authority=authority)
    return made


def hold(entry: LedgerEntry) -> None:
    services.revoke_entry(actor=SYSTEM, entry=entry, reason="certificateHold")


def verdict(cert: str, full: CRL, delta: CRL, folder: Path) -> str:
    """What OpenSSL says of a certificate in the light of an old full CRL and a new delta CRL."""
    crl = pem_of(bytes(full.content), "X509 CRL") + pem_of(bytes(delta.delta), "X509 CRL")
    making.write(folder, leaf_pem=cert, ca_pem=full.key.cert, crls_pem=crl)
    return making.run(
        *("openssl", "verify", "-crl_check", "-use_deltas", "-extended_crl"),
        *("-CAfile", "ca.pem", "-CRLfile", "crls.pem", "leaf.pem"),
        folder=folder,
    )[1]


@pytest.mark.parametrize("shards", [1, 3])
def test_a_verifier_with_an_old_crl_learns_from_the_delta(shards: int, tmp_path: Path) -> None:
    root = making.root(crl_shards=shards)
    held, good, bad = (making.leaf(root) for _ in range(3))
    hold(held.entry)
    before = {crl.shard: crl for crl in services.publish_crls(actor=SYSTEM, authority=root)}
    services.release_entry(actor=SYSTEM, entry=held.entry)
    services.revoke_entry(actor=SYSTEM, entry=bad.entry, reason="keyCompromise")
    after = {crl.shard: crl for crl in services.publish_crls(actor=SYSTEM, authority=root)}
    said = [
        verdict(one.cert, before[one.entry.shard], after[one.entry.shard], tmp_path)
        for one in (held, good, bad)
    ]
    assert "leaf.pem: OK" in said[0]
    assert "leaf.pem: OK" in said[1]
    assert "certificate revoked" in said[2]
    assert sum(crl.delta_entries for crl in after.values()) == 2


def test_pkilint_finds_no_error_in_a_delta_crl(tmp_path: Path) -> None:
    root = making.root(crl_shards=2)
    held = making.leaf(root)
    hold(held.entry)
    services.publish_crls(actor=SYSTEM, authority=root)
    services.release_entry(actor=SYSTEM, entry=held.entry)
    for reason in ("unspecified", "superseded"):
        services.revoke_entry(actor=SYSTEM, entry=making.leaf(root).entry, reason=reason)
    lint = str(Path(sys.executable).parent / "lint_crl")
    wanted = ("-t", "CRL", "-p", "PKIX", "-s", "WARNING", "--document-format", "DER")
    for crl in services.publish_crls(actor=SYSTEM, authority=root):
        for content in (crl.content, crl.delta):
            making.write(tmp_path, list_crl=bytes(content))
            is_clean, said = making.run(lint, "lint", *wanted, "list.crl", folder=tmp_path)
            assert is_clean, said


def test_a_delta_says_what_it_is_and_the_full_one_where_it_is() -> None:
    root = making.root(crl_shards=2)
    first, _ = services.publish_crls(actor=SYSTEM, authority=root)
    second, _ = services.publish_crls(actor=SYSTEM, authority=root)
    full = x509.load_der_x509_crl(bytes(second.content)).extensions
    delta = x509.load_der_x509_crl(bytes(second.delta)).extensions
    base = delta.get_extension_for_class(x509.DeltaCRLIndicator)
    assert (base.critical, base.value.crl_number) == (True, first.number)
    point = x509.IssuingDistributionPoint
    assert delta.get_extension_for_class(point) == full.get_extension_for_class(point)
    number = x509.CRLNumber
    assert delta.get_extension_for_class(number) == full.get_extension_for_class(number)
    (freshest,) = full.get_extension_for_class(x509.FreshestCRL).value
    assert freshest.full_name
    assert freshest.full_name[0].value == "http://127.0.0.1:8000/pki/root/delta/0.crl"
    with pytest.raises(x509.ExtensionNotFound):
        delta.get_extension_for_class(x509.FreshestCRL)


def test_a_new_base_is_taken_at_half_of_the_full_ones_validity(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = making.root(crl_hours=48, delta_crl_hours=4)
    held = making.leaf(root)
    hold(held.entry)
    publish(root)
    services.release_entry(actor=SYSTEM, entry=held.entry)
    bad = making.leaf(root)
    services.revoke_entry(actor=SYSTEM, entry=bad.entry)
    assert publish(root).delta_entries == 2
    start = clock.now()
    monkeypatch.setattr(clock, "now", lambda: start + timedelta(hours=2, seconds=1))
    assert crls.publish_due() == 1, "a delta is made anew at half of its own validity"
    assert CRL.objects.latest("number").delta_entries == 2
    monkeypatch.setattr(clock, "now", lambda: start + timedelta(hours=24, seconds=1))
    made = publish(root)
    assert (made.entries, made.delta_entries) == (1, 0)
    assert CRLShard.objects.get().base_number == made.number
    assert not CRLRelease.objects.exists()


def test_a_new_base_is_taken_when_a_delta_would_spare_little(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crl_making, "LARGE_DELTA", 2)
    root = making.root()
    publish(root)
    sizes = []
    for _ in range(4):
        services.revoke_entry(actor=SYSTEM, entry=making.leaf(root).entry)
        sizes.append(publish(root).delta_entries)
    assert sizes == [1, 2, 0, 1]


def test_who_makes_no_deltas() -> None:
    none = publish(making.root(delta_crl_hours=0))
    offline = making.root("offline", passphrase=PASSPHRASE)
    (signed,) = services.publish_crls(actor=SYSTEM, authority=offline, passphrase=PASSPHRASE)
    for crl in (none, signed):
        assert (bytes(crl.delta), crl.delta_next_update) == (b"", None)
        with pytest.raises(x509.ExtensionNotFound):
            x509.load_der_x509_crl(bytes(crl.content)).extensions.get_extension_for_class(
                x509.FreshestCRL
            )


Listed = dict[int, str]


def listed(content: bytes) -> Listed:
    found = {}
    for one in x509.load_der_x509_crl(content):
        reason = [e.value.reason.value for e in one.extensions if e.oid == x509.CRLReason.oid]
        found[one.serial_number] = reason[0] if reason else "unspecified"
    return found


def together(full: Listed, delta: Listed) -> Listed:
    """RFC 5280 §5.2.4: the delta wins, and takes off what it says to remove."""
    return {
        serial: reason for serial, reason in (full | delta).items() if reason != "removeFromCRL"
    }


@dataclass
class World:
    """An authority, and each CRL that a verifier may still have in a cache."""

    authority: Authority
    entries: list[LedgerEntry] = field(default_factory=list)
    cached: list[tuple[int, Listed]] = field(default_factory=list)
    waited: timedelta = timedelta(0)

    def act(self, action: str, which: int) -> None:
        entry = self.entries[which % len(self.entries)] if self.entries else None
        if action == "issue":
            self.entries.append(making.leaf(self.authority).entry)
        elif action == "publish":
            self.publish()
        elif action == "crash":
            self.crash()
        elif action == "wait":
            self.waited += timedelta(hours=50)
        elif entry is not None:
            self.change(entry, action)

    def change(self, entry: LedgerEntry, action: str) -> None:
        found = Revocation.objects.filter(entry=entry).first()
        if action == "release" and found is not None and found.reason == "certificateHold":
            services.release_entry(actor=SYSTEM, entry=entry)
        elif action == "hold" and found is None:
            hold(entry)
        elif action == "revoke" and (found is None or found.reason == "certificateHold"):
            services.revoke_entry(actor=SYSTEM, entry=entry, reason="superseded")

    def crash(self) -> None:
        """A worker that dies between the signature and the commit."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(CRL, "save", _die)
            with pytest.raises(RuntimeError):
                publish(self.authority)

    def publish(self) -> None:
        crls.publish_shard(making.key_of(self.authority).pk, 0)
        made = CRL.objects.filter(key__authority=self.authority).latest("number")
        truth = {
            int(row.serial, 16): row.reason
            for row in Revocation.objects.filter(key__authority=self.authority)
        }
        full, delta = listed(bytes(made.content)), listed(bytes(made.delta))
        assert full == truth
        base = x509.load_der_x509_crl(bytes(made.delta)).extensions
        since = base.get_extension_for_class(x509.DeltaCRLIndicator).value.crl_number
        self.cached.append((made.number, full))
        for number, old in self.cached:
            if number >= since:
                assert together(old, delta) == truth


def _die(*_: object, **__: object) -> None:
    raise RuntimeError("killed")


@contextmanager
def world() -> Iterator[World]:
    """With a clock of its own."""
    now = clock.now
    with pytest.MonkeyPatch.context() as patch:
        made = World(making.root(f"root-{uuid4()}"))
        patch.setattr(clock, "now", lambda: now() + made.waited)
        yield made


ACTIONS = ("issue", "revoke", "hold", "release", "publish", "crash", "wait")


@searching
@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 5)), max_size=20))
def test_an_old_crl_and_a_new_delta_together_agree_with_the_ledger(
    db: None, actions: list[tuple[str, int]]
) -> None:
    with world() as w:
        for action, which in [("issue", 0), ("hold", 0), ("publish", 0), *actions, ("publish", 0)]:
            w.act(action, which)
