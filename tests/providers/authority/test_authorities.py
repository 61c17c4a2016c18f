"""Authorities as the services make them, judged by OpenSSL and GnuTLS."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from certmate.core import clock
from certmate.core.errors import Conflict, IntegrityFault, InvalidRequest
from certmate.pki.inspect import describe_certificate
from providers import services
from providers.authority.custody import passphrase
from providers.authority.custody.base import SoftwareSigner
from providers.choices import AuthorityState, EntryState
from providers.models import Authority, AuthorityKey, LedgerEntry
from providers.services.authorities import creating
from tests import factories
from tests.providers.authority import making
from tests.providers.authority.making import PASSPHRASE, SYSTEM, judged, key_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The passphrase costs an attacker nothing here."""
    monkeypatch.setattr(passphrase, "ROUNDS", 1)


def later(monkeypatch: pytest.MonkeyPatch, days: float) -> None:
    now = clock.now() + timedelta(days=days)
    monkeypatch.setattr(clock, "now", lambda: now)


def test_a_leaf_of_an_intermediate_is_valid_to_other_programs(tmp_path: Path) -> None:
    root = making.root()
    issuing = making.intermediate()
    signed = making.leaf(issuing, dns=["jane.example.test"])
    assert signed.chain == key_of(issuing).cert, "The root is left out: whoever trusts it has it."
    assert judged(signed.cert, signed.chain, key_of(root).cert, tmp_path) == (True, True)
    shown = making.run("openssl", "x509", "-in", "leaf.pem", "-text", folder=tmp_path)[1]
    assert "URI:http://127.0.0.1:8000/pki/issuing/ca/1.cer" in shown
    assert "URI:http://127.0.0.1:8000/pki/issuing/crl/0.crl" in shown


def test_a_stranger_is_not_valid(tmp_path: Path) -> None:
    signed = making.leaf(making.root("other"))
    assert judged(signed.cert, "", key_of(making.root()).cert, tmp_path) == (False, False)


@pytest.mark.parametrize(("length", "below"), [(None, None), (0, -1), (1, 0), (3, 2)])
def test_the_path_length_of_a_ca_bounds_those_below(length: int | None, below: int | None) -> None:
    making.root(path_length=length)
    if below == -1:
        with pytest.raises(InvalidRequest) as refused:
            making.intermediate()
        assert (refused.value.code, refused.value.field) == ("authority.path_length", "path_length")
        return
    wanted = 7 if below is None else below
    assert making.intermediate("middle", path_length=wanted).path_length == wanted
    if below is not None:
        with pytest.raises(InvalidRequest):
            making.intermediate("long", path_length=below + 1)
    assert making.intermediate("last").path_length == 0


@pytest.mark.parametrize("length", [0, 1])
def test_verifiers_refuse_the_path_length_that_the_service_refuses(
    length: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = making.root()
    making.intermediate("middle", path_length=length)
    if not length:
        monkeypatch.setattr(creating, "_path_length", lambda *_: 0)
    leaf = making.leaf(making.intermediate("last", "middle"))
    verdict = judged(leaf.cert, leaf.chain, key_of(root).cert, tmp_path)
    assert verdict == (bool(length), bool(length))


CONSTRAINTS = {
    "permitted": {"dns": ["example.test"], "email": ["example.test"], "ip": ["192.0.2.0/24"]},
    "excluded": {"dns": ["secret.example.test"]},
}


@pytest.mark.parametrize(
    ("names", "is_allowed"),
    [
        ({"dns": ["www.example.test"]}, True),
        ({"dns": ["example.test"]}, True),
        ({"dns": ["www.example.org"]}, False),
        ({"dns": ["a.secret.example.test"]}, False),
        ({"email": ["jane@example.test"]}, True),
        ({"email": ["jane@example.org"]}, False),
    ],
)
def test_name_constraints_bind_us_as_they_bind_verifiers(
    names: dict[str, Any],
    is_allowed: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = making.root()
    issuing = making.intermediate(name_constraints=CONSTRAINTS)
    if not is_allowed:
        with pytest.raises(InvalidRequest) as refused:
            making.leaf(issuing, **names)
        assert refused.value.code == "authority.name_constraints"
        assert LedgerEntry.objects.filter(kind="leaf").count() == 0
        monkeypatch.setattr("certmate.pki.constraints.first_violation", lambda *_: None)
    signed = making.leaf(issuing, **names)
    verdict = judged(signed.cert, signed.chain, key_of(root).cert, tmp_path)
    assert verdict == (is_allowed, is_allowed)


def test_the_constraints_of_the_root_bind_as_well() -> None:
    making.root(name_constraints={"permitted": {"dns": ["example.test"]}})
    with pytest.raises(InvalidRequest) as refused:
        making.leaf(making.intermediate(), dns=["www.example.org"])
    assert (refused.value.code, refused.value.field) == ("authority.name_constraints", "san.dns")


def test_a_root_with_a_passphrase_signs_cas_and_crls_only_and_asks_each_time() -> None:
    root = making.root(passphrase=PASSPHRASE)
    assert (root.custody, root.is_offline) == ("passphrase", True)
    assert PASSPHRASE not in str(key_of(root).private_key)
    for given in ("", "another one altogether"):
        with pytest.raises(InvalidRequest) as refused:
            making.intermediate(parent_passphrase=given)
        assert refused.value.code == "authority.passphrase"
    assert not Authority.objects.filter(name="issuing").exists(), "Nothing is left of it."
    issuing = making.intermediate(parent_passphrase=PASSPHRASE)
    assert making.leaf(issuing).entry.state == EntryState.SIGNED
    with pytest.raises(Conflict) as offline:
        making.leaf(root)
    assert offline.value.code == "authority.offline"
    with pytest.raises(InvalidRequest):
        services.publish_crls(actor=SYSTEM, authority=root)
    assert len(services.publish_crls(actor=SYSTEM, authority=root, passphrase=PASSPHRASE)) == 1


def test_no_leaf_outlives_its_issuer(monkeypatch: pytest.MonkeyPatch) -> None:
    root = making.root(validity_days=100)
    ends = describe_certificate(key_of(root).cert).not_after
    assert describe_certificate(making.leaf(root).cert).not_after == ends
    child = making.intermediate(validity_days=5000)
    assert describe_certificate(key_of(child).cert).not_after == ends
    later(monkeypatch, 101)
    with pytest.raises(Conflict) as refused:
        making.leaf(root)
    assert refused.value.code == "authority.expired"
    assert root.state(clock.now()) == AuthorityState.EXPIRED
    services.rotate_authority(actor=SYSTEM, authority=root)
    assert making.entry(making.leaf(root)).key.number == 2


def test_a_disabled_authority_signs_its_crls_alone() -> None:
    root = making.root()
    services.update_authority(actor=SYSTEM, authority=root, disabled=True)
    root = Authority.objects.get(pk=root.pk)
    assert root.state(clock.now()) == AuthorityState.DISABLED
    for attempt in (lambda: making.leaf(root), making.intermediate):
        with pytest.raises(Conflict) as refused:
            attempt()
        assert refused.value.code == "authority.disabled"
    assert services.publish_crls(actor=SYSTEM, authority=root)
    services.update_authority(actor=SYSTEM, authority=root, disabled=False)
    making.leaf(Authority.objects.get(pk=root.pk))


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "a reserved name": ({"name": "import"}, "authority.reserved", "name"),
    "the name of a CA": ({"name": "letsencrypt"}, "authority.name", "name"),
    "the name of an account": ({"name": "taken"}, "authority.name", "name"),
    "no such kind": ({"kind": "leaf"}, "authority.kind", "kind"),
    "no such key type": ({"key_type": "dsa"}, "authority.key_type", "key_type"),
    "a weak key type": ({"key_type": "rsa1024"}, "authority.key_type", "key_type"),
    "no such custody": ({"custody": "pocket"}, "authority.custody", "custody"),
    "a passphrase for nothing": (
        {"custody": "database", "passphrase": PASSPHRASE},
        "authority.custody",
        "passphrase",
    ),
    "a short passphrase": ({"passphrase": "short"}, "authority.passphrase", "passphrase"),
    "too long": ({"validity_days": 20_000}, "authority.validity", "validity_days"),
    "no shard": ({"crl_shards": 0}, "authority.crl", "crl_shards"),
    "no hours": ({"crl_hours": 0}, "authority.crl", "crl_hours"),
    "a parent of a root": ({"parent": "other"}, "authority.parent", "parent"),
    "an unknown parent": (
        {"kind": "intermediate", "parent": "nobody"},
        "authority.unknown",
        "parent",
    ),
    "the parent's subject": (
        {"kind": "intermediate", "parent": "other", "subject": {"CN": "Other"}},
        "authority.subject",
        "subject",
    ),
    "a bad subject": ({"subject": {"C": "Germany"}}, "subject.invalid", "subject.C"),
    "an unknown attribute": ({"subject": {"X": "y"}}, "subject.unknown", "subject.X"),
    "a bad constraint": (
        {"name_constraints": {"excluded": {"ip": ["somewhere"]}}},
        "authority.constraints",
        "excluded_ip",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_what_makes_no_authority_names_its_field(what: str) -> None:
    changed, code, field = BAD[what]
    factories.ca_account("taken")
    services.create_authority(
        actor=SYSTEM, name="other", kind="root", subject={"CN": "Other"}, key_type="ec256"
    )
    good = {"name": "new", "kind": "root", "subject": {"CN": "New"}, "key_type": "ec256"}
    with pytest.raises((InvalidRequest, Conflict)) as refused:
        services.create_authority(actor=SYSTEM, **(good | changed))
    assert (refused.value.code, refused.value.field) == (code, field)
    assert Authority.objects.count() == 1


def test_what_has_signed_is_not_deleted_and_what_waits_is() -> None:
    root = making.root()
    with pytest.raises(Conflict) as refused:
        services.delete_authority(actor=SYSTEM, authority=root)
    assert refused.value.code == "authority.in_use"
    waiting = making.intermediate("outside", "")
    services.delete_authority(actor=SYSTEM, authority=waiting)
    assert not AuthorityKey.objects.filter(csr__gt="").exists()


def test_a_key_store_that_signs_something_else_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = making.root()
    wrong = b"0\x06\x02\x01\x01\x02\x01\x01"
    monkeypatch.setattr(SoftwareSigner, "sign", lambda *_: wrong)
    with pytest.raises(IntegrityFault) as fault:
        making.leaf(root)
    assert fault.value.code == "signature.invalid"
    entry = LedgerEntry.objects.latest("pk")
    assert (entry.state, entry.cert) == (EntryState.ABANDONED, None)
    assert entry.revocation.serial == entry.serial


def test_nobody_takes_the_place_of_a_default_that_is_disabled() -> None:
    default, other = making.root("first", is_default=True), making.root("second")
    assert services.resolve_authority(actor=SYSTEM) == default
    services.update_authority(actor=SYSTEM, authority=default, disabled=True)
    with pytest.raises(Conflict) as refused:
        services.resolve_authority(actor=SYSTEM)
    assert refused.value.code == "authority.disabled"
    assert services.resolve_authority(actor=SYSTEM, name="second") == other
