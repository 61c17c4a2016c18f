"""CAs that come from elsewhere or are certified there, and keys that follow each other."""

from pathlib import Path
from typing import Any

import pytest

from certmate.core import clock
from certmate.core.errors import Conflict, InvalidRequest
from certmate.pki.inspect import pem_blocks, pem_of
from providers import services
from providers.authority.custody import passphrase
from providers.choices import AuthorityState, KeyState
from providers.models import Authority, AuthorityKey
from tests.providers.authority import making
from tests.providers.authority.making import (
    PASSPHRASE,
    SYSTEM,
    judged,
    key_of,
    openssl_ca,
    outside_root_signs,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passphrase, "ROUNDS", 1)


def test_a_ca_that_openssl_made_is_taken_over(tmp_path: Path) -> None:
    cert, key = openssl_ca(tmp_path)
    done, said = making.run(
        *("openssl", "pkcs8", "-topk8", "-in", "ca.key", "-out", "locked.key"),
        *("-v2", "aes-256-cbc", "-iter", "1000", "-passout", "pass:of the old key"),
        folder=tmp_path,
    )
    assert done, said
    given: dict[str, Any] = {"actor": SYSTEM, "certificate": cert}
    locked = (tmp_path / "locked.key").read_text()
    with pytest.raises(InvalidRequest) as refused:
        services.import_authority(name="wrong", private_key=locked, **given)
    assert refused.value.code == "key.password"
    taken = services.import_authority(
        name="taken", private_key=locked, key_password="of the old key", **given
    )
    assert (taken.kind, taken.subject) == ("root", {"O": "Elsewhere", "CN": "Elsewhere Root"})
    signed = making.leaf(taken)
    assert judged(signed.cert, "", cert, tmp_path) == (True, True)
    with pytest.raises(Conflict) as twice:
        services.import_authority(name="again", private_key=key, **given)
    assert twice.value.code == "authority.key_known"
    assert key.splitlines()[1] not in str(AuthorityKey.objects.values_list("cert", "private_key"))


BAD_IMPORTS: dict[str, tuple[tuple[str, ...], str]] = {
    "no CA": (("-addext", "basicConstraints=critical,CA:FALSE"), "authority.certificate"),
    "no identifier": (("-addext", "subjectKeyIdentifier=none"), "authority.certificate"),
}


@pytest.mark.parametrize("what", BAD_IMPORTS)
def test_what_is_no_fit_ca_is_not_taken_over(what: str, tmp_path: Path) -> None:
    more, code = BAD_IMPORTS[what]
    cert, key = openssl_ca(tmp_path, *more)
    with pytest.raises(InvalidRequest) as refused:
        services.import_authority(actor=SYSTEM, name="bad", certificate=cert, private_key=key)
    assert refused.value.code == code
    assert key.splitlines()[1] not in str(refused.value.__dict__)
    assert not Authority.objects.exists()


def test_the_key_of_another_ca_is_not_taken_over(tmp_path: Path) -> None:
    cert, _ = openssl_ca(tmp_path)
    (tmp_path / "other").mkdir()
    _, key = openssl_ca(tmp_path / "other")
    with pytest.raises(InvalidRequest) as refused:
        services.import_authority(actor=SYSTEM, name="bad", certificate=cert, private_key=key)
    assert refused.value.code == "authority.key_mismatch"


def test_an_outside_root_signs_an_intermediate(tmp_path: Path) -> None:
    waiting = making.intermediate("outside", "")
    assert waiting.state(clock.now()) == AuthorityState.WAITING
    with pytest.raises(Conflict) as refused:
        making.leaf(waiting)
    assert refused.value.code == "authority.not_ready"
    csr = waiting.keys.get().csr
    making.write(tmp_path, csr_pem=csr)
    is_good, said = making.run(
        "openssl", "req", "-in", "csr.pem", "-verify", "-noout", folder=tmp_path
    )
    assert is_good, said
    cert, root = outside_root_signs(csr, tmp_path)
    key = services.install_certificate(
        actor=SYSTEM, authority=waiting, certificate=cert, chain=root
    )
    ready = Authority.objects.get(pk=waiting.pk)
    assert (key.state, ready.path_length) == (KeyState.ACTIVE, 0)
    assert ready.name_constraints == {"permitted": {"dns": ["example.test"]}}
    signed = making.leaf(ready, dns=["www.example.test"])
    assert judged(signed.cert, cert, root, tmp_path) == (True, True)
    with pytest.raises(InvalidRequest):
        making.leaf(ready, dns=["www.example.org"])
    with pytest.raises(Conflict) as again:
        services.install_certificate(actor=SYSTEM, authority=ready, certificate=cert)
    assert again.value.code == "authority.not_waiting"


def test_a_certificate_that_does_not_fit_the_waiting_key_is_refused(tmp_path: Path) -> None:
    waiting = making.intermediate("outside", "")
    cert, root = outside_root_signs(making.intermediate("second", "").keys.get().csr, tmp_path)
    other = making.root("other")
    for given, chain, code in (
        (cert, root, "authority.key_mismatch"),
        (cert + root, "", "authority.certificate"),
        ("nothing", "", "authority.certificate"),
    ):
        with pytest.raises(InvalidRequest) as refused:
            services.install_certificate(
                actor=SYSTEM, authority=waiting, certificate=given, chain=chain
            )
        assert refused.value.code == code
    own, _ = outside_root_signs(waiting.keys.get().csr, tmp_path)
    with pytest.raises(InvalidRequest) as unordered:
        services.install_certificate(
            actor=SYSTEM, authority=waiting, certificate=own, chain=key_of(other).cert
        )
    assert unordered.value.code == "authority.chain"


def test_after_rotation_leaves_of_both_keys_verify_against_both_roots(tmp_path: Path) -> None:
    root = making.root()
    before = making.leaf(root)
    old = key_of(root)
    new = services.rotate_authority(actor=SYSTEM, authority=root)
    after = making.leaf(root)
    assert new.number == 2
    states = root.keys.order_by("number").values_list("state", flat=True)
    assert list(states) == [KeyState.REPLACED, KeyState.ACTIVE]
    assert judged(before.cert, "", old.cert, tmp_path) == (True, True)
    assert judged(after.cert, "", new.cert, tmp_path) == (True, True)
    # Who trusts the old root alone gets there by the cross-certificate, which is handed out.
    assert after.chain == new.cross_cert
    assert judged(after.cert, after.chain, old.cert, tmp_path) == (True, True)
    assert judged(after.cert, "", old.cert, tmp_path) == (False, False)
    assert set(old.shards).isdisjoint(new.shards)


def test_a_rotated_intermediate_is_signed_by_the_authority_above(tmp_path: Path) -> None:
    root = making.root(passphrase=PASSPHRASE)
    issuing = making.intermediate(parent_passphrase=PASSPHRASE)
    with pytest.raises(InvalidRequest):
        services.rotate_authority(actor=SYSTEM, authority=issuing)
    assert issuing.keys.count() == 1
    new = services.rotate_authority(actor=SYSTEM, authority=issuing, parent_passphrase=PASSPHRASE)
    assert new.cross_cert == ""
    signed = making.leaf(issuing)
    assert judged(signed.cert, signed.chain, key_of(root).cert, tmp_path) == (True, True)


def test_a_rotated_outside_intermediate_waits_and_the_old_key_signs_on(tmp_path: Path) -> None:
    ready = making.intermediate("outside", "")
    cert, root = outside_root_signs(ready.keys.get().csr, tmp_path)
    services.install_certificate(actor=SYSTEM, authority=ready, certificate=cert, chain=root)
    new = services.rotate_authority(actor=SYSTEM, authority=ready)
    assert (new.state, bool(new.csr)) == (KeyState.WAITING, True)
    assert making.leaf(ready, dns=["a.example.test"]).entry.key.number == 1
    with pytest.raises(Conflict) as refused:
        services.rotate_authority(actor=SYSTEM, authority=ready)
    assert refused.value.code == "authority.waiting"


def spoilt(pem: str) -> str:
    """The certificate with its key identifier twice: the key usage has become another."""
    (_, der), *_ = pem_blocks(pem)
    assert b"\x06\x03\x55\x1d\x0f" in der
    return pem_of(der.replace(b"\x06\x03\x55\x1d\x0f", b"\x06\x03\x55\x1d\x0e"))


def test_an_extension_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    cert, key = making.elsewhere()
    waiting = making.intermediate("outside", "")
    own, root = outside_root_signs(waiting.keys.get().csr, tmp_path)
    bring: dict[str, Any] = {"actor": SYSTEM, "name": "bad", "private_key": key}
    install: dict[str, Any] = {"actor": SYSTEM, "authority": waiting}
    for call, field in (
        (lambda: services.import_authority(certificate=spoilt(cert), **bring), "certificate"),
        (
            lambda: services.import_authority(certificate=cert, chain=spoilt(cert), **bring),
            "chain",
        ),
        (lambda: services.install_certificate(certificate=spoilt(own), **install), "certificate"),
        (
            lambda: services.install_certificate(certificate=own, chain=spoilt(root), **install),
            "chain",
        ),
    ):
        with pytest.raises(InvalidRequest) as refused:
            call()
        assert (refused.value.code, refused.value.field) == ("authority.certificate", field)


def test_a_taken_over_ca_obeys_a_constraint_with_a_dot(tmp_path: Path) -> None:
    more = (
        "-addext",
        "nameConstraints=critical,permitted;DNS:.corp.test,excluded;DNS:.x.corp.test",
    )
    cert, key = openssl_ca(tmp_path, *more)
    given: dict[str, Any] = {"actor": SYSTEM, "name": "taken", "crl_shards": 1}
    taken = services.import_authority(certificate=cert, private_key=key, **given)
    making.leaf(taken, dns=["a.corp.test"])
    for name in ("a.evil.test", "a.x.corp.test"):
        with pytest.raises(InvalidRequest) as refused:
            making.leaf(taken, dns=[name])
        assert refused.value.code == "authority.name_constraints"
    services.rotate_authority(actor=SYSTEM, authority=taken)
    making.leaf(taken, dns=["a.corp.test"])
