"""Keys in a real PKCS #11 token: what it keeps, and how it fails."""

import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator

import pkcs11
import pytest
from django.test import override_settings
from pkcs11 import Attribute, ObjectClass
from pytest_django import Settings

from certmate.core.errors import (
    CertMateError,
    IntegrityFault,
    UpstreamRejected,
    UpstreamUnavailable,
)
from certmate.pki.keys import KeyType
from providers.authority.custody.base import MadeKey
from providers.authority.custody.pkcs11 import PKCS11, _is_valid
from providers.authority.custody.token import TOKEN
from tests.servers.softhsm import SoftHSM, softhsm

DATA = b"to be signed"

DESTROY = """
import sys
import pkcs11
module, label, pin, key_id = sys.argv[1:]
with pkcs11.lib(module).get_token(token_label=label).open(rw=True, user_pin=pin) as session:
    for found in list(session.get_objects({pkcs11.Attribute.ID: bytes.fromhex(key_id)})):
        found.destroy()
"""


@pytest.fixture(scope="module")
def token() -> Iterator[SoftHSM]:
    with softhsm() as running:
        yield running


@pytest.fixture
def made(token: SoftHSM) -> MadeKey:
    return PKCS11.make(KeyType.EC256)


def signs(made: MadeKey) -> bool:
    signature = PKCS11.open(made.stored, "").sign(DATA)
    return _is_valid(made.public_key, signature, DATA)


def destroy_elsewhere(token: SoftHSM, made: MadeKey) -> None:
    """As somebody with other tools would, while we have the token open."""
    arguments = [token.module, token.label, token.pin, made.stored["id"]]
    subprocess.run([sys.executable, "-c", DESTROY, *arguments], check=True)


def told(error: CertMateError) -> str:
    """All that could reach a log, in which the PIN must not be."""
    assert error.__context__ is None
    return "".join(traceback.format_exception(error))


@pytest.mark.parametrize("key_type", [KeyType.RSA2048, KeyType.EC521, KeyType.ED25519])
def test_a_private_key_cannot_leave_the_token(token: SoftHSM, key_type: KeyType) -> None:
    key_id = bytes.fromhex(PKCS11.make(key_type).stored["id"])

    def look(session: pkcs11.Session) -> dict[Attribute, object]:
        key = TOKEN.private_key(session, key_id)
        with pytest.raises(pkcs11.AttributeSensitive):
            _ = key[Attribute.PRIVATE_EXPONENT if key_type is KeyType.RSA2048 else Attribute.VALUE]
        return {
            name: key[name]
            for name in (
                Attribute.TOKEN,
                Attribute.PRIVATE,
                Attribute.SENSITIVE,
                Attribute.EXTRACTABLE,
                Attribute.NEVER_EXTRACTABLE,
                Attribute.SIGN,
                Attribute.DECRYPT,
                Attribute.UNWRAP,
                Attribute.DERIVE,
            )
        }

    assert TOKEN.use(look) == {
        Attribute.TOKEN: True,
        Attribute.PRIVATE: True,
        Attribute.SENSITIVE: True,
        Attribute.EXTRACTABLE: False,
        Attribute.NEVER_EXTRACTABLE: True,
        Attribute.SIGN: True,
        Attribute.DECRYPT: False,
        Attribute.UNWRAP: False,
        Attribute.DERIVE: False,
    }


def test_what_is_stored_names_the_key_and_holds_nothing_of_it(made: MadeKey) -> None:
    assert set(made.stored) == {"id", "label", "public_key"}
    assert "PUBLIC KEY" in made.stored["public_key"]
    other = PKCS11.make(KeyType.EC256)
    assert other.stored["id"] != made.stored["id"]
    assert other.public_key != made.public_key


def test_a_key_that_was_removed_is_missed_also_in_an_open_session(
    token: SoftHSM, made: MadeKey
) -> None:
    signer = PKCS11.open(made.stored, "")
    signer.sign(DATA)
    destroy_elsewhere(token, made)
    for attempt in (lambda: signer.sign(DATA), lambda: PKCS11.open(made.stored, "")):
        with pytest.raises(IntegrityFault) as fault:
            attempt()
        assert fault.value.code == "authority.key_missing"
        told(fault.value)
    assert signs(PKCS11.make(KeyType.EC256))


def test_another_key_under_the_same_id_is_not_the_authoritys(made: MadeKey) -> None:
    other = PKCS11.make(KeyType.EC256)
    mixed = {**made.stored, "id": other.stored["id"]}
    with pytest.raises(IntegrityFault) as fault:
        PKCS11.open(mixed, "").sign(DATA)
    assert fault.value.code == "authority.key_missing"


def test_a_wrong_pin_is_refused_once_and_then_not_tried_again(
    made: MadeKey,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Tokens lock themselves after a few wrong PINs, and sweeps do not get tired."""
    caplog.set_level(logging.DEBUG)
    right = settings.CERTMATE_PKCS11_PIN
    settings.CERTMATE_PKCS11_PIN = "canary-pin"
    with pytest.raises(UpstreamRejected) as refused:
        PKCS11.open(made.stored, "")
    assert refused.value.code == "authority.token_refused"
    assert "CERTMATE_PKCS11_PIN" in refused.value.detail
    with monkeypatch.context() as patch:
        patch.setattr(pkcs11, "lib", None)
        with pytest.raises(UpstreamRejected) as again:
            PKCS11.open(made.stored, "")
    assert again.value.code == "authority.token_refused"
    shown = told(refused.value) + told(again.value) + caplog.text + repr(vars(TOKEN))
    assert "canary-pin" not in shown
    settings.CERTMATE_PKCS11_PIN = right
    assert signs(made)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("CERTMATE_PKCS11_TOKEN", "no such token"),
        ("CERTMATE_PKCS11_MODULE", "/no/such/library.so"),
        ("CERTMATE_PKCS11_MODULE", "/bin/true"),
    ],
)
def test_a_token_that_is_not_there_may_come_back(
    made: MadeKey, settings: Settings, setting: str, value: str
) -> None:
    before = getattr(settings, setting)
    setattr(settings, setting, value)
    for _ in range(2):
        with pytest.raises(UpstreamUnavailable) as away:
            PKCS11.open(made.stored, "")
        assert away.value.code == "authority.token_unavailable"
        assert away.value.retryable
        assert settings.CERTMATE_PKCS11_PIN not in told(away.value)
    setattr(settings, setting, before)
    assert signs(made)


def test_a_token_that_is_pulled_out_is_gone_until_it_is_put_back() -> None:
    with softhsm() as token:
        made = PKCS11.make(KeyType.EC256)
        signer = PKCS11.open(made.stored, "")
        signer.sign(DATA)
        pocket = token.folder.with_name("pocket")
        shutil.move(token.folder, pocket)
        token.folder.mkdir()
        with pytest.raises(UpstreamUnavailable) as away:
            signer.sign(DATA)
        assert away.value.code == "authority.token_unavailable"
        token.folder.rmdir()
        shutil.move(pocket, token.folder)
        assert _is_valid(made.public_key, signer.sign(DATA), DATA)


def test_a_session_that_has_ended_is_opened_again(made: MadeKey) -> None:
    signer = PKCS11.open(made.stored, "")
    TOKEN.use(lambda session: session.close())
    assert _is_valid(made.public_key, signer.sign(DATA), DATA)


def test_a_token_that_cannot_do_it_refuses_for_good(token: SoftHSM) -> None:
    def refuse(session: pkcs11.Session) -> None:
        session.generate_key(pkcs11.KeyType.AES, 128, mechanism=pkcs11.Mechanism.BLOWFISH_KEY_GEN)

    with pytest.raises(UpstreamRejected) as refused:
        TOKEN.use(refuse)
    assert refused.value.code == "authority.token_refused"


def test_one_session_serves_every_thread(made: MadeKey) -> None:
    signer = PKCS11.open(made.stored, "")
    valid: list[bool] = []

    def sign() -> None:
        valid.extend(_is_valid(made.public_key, signer.sign(DATA), DATA) for _ in range(25))

    threads = [threading.Thread(target=sign) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert valid == [True] * 200
    sessions = [TOKEN.use(lambda session: session) for _ in range(2)]
    assert sessions[0] is sessions[1]


def test_the_token_is_asked_by_one_thread_at_a_time(token: SoftHSM) -> None:
    """Its library has no locks of its own."""
    came_in = threading.Event()
    other = threading.Thread(target=lambda: TOKEN.use(lambda session: came_in.set()))

    def stay(session: pkcs11.Session) -> bool:
        other.start()
        return came_in.wait(0.1)

    assert not TOKEN.use(stay)
    other.join()
    assert came_in.is_set()


def test_a_forked_child_opens_the_token_itself_and_leaves_the_parents_session(
    made: MadeKey,
) -> None:
    """Also where it was forked while the parent held the token's lock."""
    signer = PKCS11.open(made.stored, "")

    def fork(session: pkcs11.Session) -> int:
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            try:
                is_own = TOKEN.use(lambda own: own is not session)
                os._exit(0 if is_own and signs(made) else 1)
            finally:
                os._exit(2)
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)

    assert TOKEN.use(fork) == 0
    before = TOKEN.use(lambda session: session)
    assert _is_valid(made.public_key, signer.sign(DATA), DATA)
    assert TOKEN.use(lambda session: session) is before


def test_keys_of_other_tools_are_left_alone(made: MadeKey) -> None:
    """Each key of ours is found by a random id, whatever labels the others have."""
    twin = PKCS11.make(KeyType.EC256)

    def label(session: pkcs11.Session) -> None:
        found = session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY})
        for key in list(found):
            key[Attribute.LABEL] = "the same"

    TOKEN.use(label)
    assert signs(made)
    assert signs(twin)


def test_without_the_package_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "providers.authority.custody.token")
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(UpstreamRejected) as refused:
        PKCS11.make(KeyType.EC256)
    assert refused.value.code == "authority.pkcs11_missing"
    assert "requirements/pkcs11.txt" in refused.value.detail
    assert refused.value.__context__ is None


def test_without_a_configured_token_the_error_names_the_variables() -> None:
    with override_settings(CERTMATE_PKCS11_MODULE=""), pytest.raises(UpstreamRejected) as refused:
        PKCS11.make(KeyType.EC256)
    assert refused.value.code == "authority.pkcs11_missing"
    assert "CERTMATE_PKCS11_MODULE" in refused.value.detail
