"""What every custody of an authority's key promises, judged by OpenSSL where it can."""

import json
import subprocess
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from certmate.core.errors import IntegrityFault
from certmate.pki.errors import PKIError
from certmate.pki.keys import (
    EXPERIMENTAL,
    KeyType,
    MLDSAPublicKey,
    generate,
    load_private_key,
    new_key,
    signature_hash,
)
from providers.authority.custody import CUSTODIES, choices, database, passphrase
from providers.authority.custody.base import MadeKey
from tests.servers.softhsm import softhsm

PASSPHRASE = "correct horse battery staple"
DATA = b"to be signed" * 1000
EVERY = [(slug, kind) for slug, custody in CUSTODIES.items() for kind in sorted(custody.key_types)]
ADOPTING = [slug for slug, custody in CUSTODIES.items() if custody.adopt]

_new_key = lru_cache(new_key)


@pytest.fixture(scope="module", autouse=True)
def _quick() -> Iterator[None]:
    """Large RSA keys are shared, and the passphrase costs an attacker nothing."""
    with softhsm(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "new_key", _new_key)
        patch.setattr(passphrase, "new_key", _new_key)
        patch.setattr(passphrase, "ROUNDS", 1)
        yield


def openssl_accepts(public_key: PublicKeyTypes, signature: bytes, folder: Path) -> bool:
    (folder / "key").write_bytes(
        public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    (folder / "signature").write_bytes(signature)
    (folder / "data").write_bytes(DATA)
    algorithm = signature_hash(public_key)
    if algorithm is None:
        command = ["pkeyutl", "-verify", "-pubin", "-rawin", "-inkey", "key"]
        files = ["-sigfile", "signature", "-in", "data"]
    else:
        command = ["dgst", f"-{algorithm.name}", "-verify", "key"]
        files = ["-signature", "signature", "data"]
    done = subprocess.run(
        ["openssl", *command, *files], cwd=folder, capture_output=True, check=False
    )
    return done.returncode == 0


def is_accepted(public_key: PublicKeyTypes, signature: bytes, folder: Path) -> bool:
    if not isinstance(public_key, MLDSAPublicKey):
        return openssl_accepts(public_key, signature, folder)
    try:
        public_key.verify(signature, DATA)  # Debian's OpenSSL knows no ML-DSA.
    except InvalidSignature:
        return False
    return True


def reopened(made: MadeKey) -> dict[str, object]:
    """What comes back from the column."""
    stored: dict[str, object] = json.loads(json.dumps(made.stored))
    return stored


@pytest.mark.parametrize(("slug", "key_type"), EVERY)
def test_a_made_key_signs_after_it_was_stored(slug: str, key_type: KeyType, tmp_path: Path) -> None:
    custody = CUSTODIES[slug]
    made = custody.make(key_type, passphrase=PASSPHRASE)
    signer = custody.open(reopened(made), PASSPHRASE if custody.needs_passphrase else "")
    assert signer.public_key == made.public_key
    signature = signer.sign(DATA)
    assert is_accepted(made.public_key, signature, tmp_path)
    changed = signature[:-1] + bytes([signature[-1] ^ 1])
    assert not is_accepted(made.public_key, changed, tmp_path)


def test_the_curves_are_signed_with_their_own_hash() -> None:
    expected = {KeyType.EC256: "sha256", KeyType.EC384: "sha384", KeyType.EC521: "sha512"}
    for key_type, name in expected.items():
        algorithm = signature_hash(_new_key(key_type).public_key())
        assert algorithm is not None
        assert algorithm.name == name


@pytest.mark.parametrize("key_type", sorted(set(KeyType)))
@pytest.mark.parametrize("slug", ADOPTING)
def test_a_key_from_outside_can_be_adopted(slug: str, key_type: KeyType) -> None:
    custody = CUSTODIES[slug]
    assert custody.adopt is not None
    key = _new_key(key_type)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    made = custody.adopt(pem, passphrase=PASSPHRASE)
    assert made.public_key == key.public_key()
    assert custody.open(reopened(made), PASSPHRASE).public_key == key.public_key()


@pytest.mark.parametrize("slug", ADOPTING)
def test_a_weak_key_is_not_adopted(slug: str) -> None:
    adopt = CUSTODIES[slug].adopt
    assert adopt is not None
    small = rsa.generate_private_key(65537, 1024)
    other = ec.generate_private_key(ec.SECP256K1())
    for key in (small, other):
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        with pytest.raises(PKIError) as refused:
            adopt(pem, passphrase=PASSPHRASE)
        assert refused.value.code == "key.weak"
        assert pem.splitlines()[1] not in str(refused.value)


@pytest.mark.parametrize("slug", ADOPTING)
def test_what_is_no_key_is_not_adopted(slug: str) -> None:
    adopt = CUSTODIES[slug].adopt
    assert adopt is not None
    foreign = dsa.generate_private_key(1024)
    texts = [
        "",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        foreign.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    ]
    for text in texts:
        with pytest.raises(PKIError) as refused:
            adopt(text, passphrase=PASSPHRASE)
        assert refused.value.code == "key.malformed"


@pytest.mark.parametrize("slug", ADOPTING)
@given(text=st.text(max_size=300))
@settings(database=None, deadline=None, max_examples=50)
def test_no_text_is_adopted_by_accident(slug: str, text: str) -> None:
    adopt = CUSTODIES[slug].adopt
    assert adopt is not None
    with pytest.raises(PKIError):
        adopt(text, passphrase=PASSPHRASE)


def test_a_key_in_a_token_came_into_being_there() -> None:
    assert CUSTODIES["pkcs11"].adopt is None


def test_software_keeps_every_kind_of_key_and_a_token_those_that_tokens_know() -> None:
    assert CUSTODIES["database"].key_types == CUSTODIES["passphrase"].key_types == set(KeyType)
    assert CUSTODIES["pkcs11"].key_types == set(KeyType) - EXPERIMENTAL


@pytest.mark.parametrize("slug", sorted(CUSTODIES))
def test_neither_a_made_nor_an_opened_key_shows_itself(slug: str) -> None:
    made = CUSTODIES[slug].make(KeyType.EC256, passphrase=PASSPHRASE)
    signer = CUSTODIES[slug].open(made.stored, PASSPHRASE)
    shown = repr(made) + repr(signer)
    assert "PRIVATE KEY" not in shown
    assert "PrivateKey" not in shown


def test_the_database_keeps_a_key_that_others_read_as_it_is() -> None:
    made = CUSTODIES["database"].make(KeyType.EC384)
    assert load_private_key(made.stored["pem"]).public_key() == made.public_key


def test_a_key_is_parsed_once_a_process() -> None:
    made = CUSTODIES["database"].make(KeyType.EC256)
    first = CUSTODIES["database"].open(made.stored, "")
    assert CUSTODIES["database"].open(reopened(made), "") is first
    other = CUSTODIES["database"].open({"pem": generate(KeyType.EC256)}, "")
    assert other.public_key != first.public_key


@pytest.mark.parametrize("stored", [{}, {"pem": ""}, {"pem": "x"}, {"pem": None}])
def test_a_damaged_key_in_the_database_is_our_own_fault(stored: dict[str, object]) -> None:
    with pytest.raises(IntegrityFault) as fault:
        CUSTODIES["database"].open(stored, "")
    assert fault.value.__context__ is None


def test_every_custody_can_be_chosen_and_says_what_it_is() -> None:
    assert [slug for slug, _ in choices()] == ["database", "passphrase", "pkcs11"]
    for slug, custody in CUSTODIES.items():
        assert slug == custody.slug
        assert custody.label
        assert custody.help.endswith(".")
    assert [slug for slug, custody in CUSTODIES.items() if custody.needs_passphrase] == [
        "passphrase"
    ]
