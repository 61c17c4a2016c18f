from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from certmate.core import keyring, rotation
from providers.models import CAAccount, DNSAccount
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def key_file(settings: Any, tmp_path: Path) -> Path:
    path = tmp_path / "master.key"
    # The key that sealed what the migrations seed.
    path.write_text(settings.CERTMATE_MASTER_KEY + "\n")
    settings.CERTMATE_MASTER_KEY = ""
    settings.CERTMATE_MASTER_KEY_FILE = path
    return path


def test_everything_opens_under_the_new_key_alone_after_a_rotation(key_file: Path) -> None:
    factories.dns_account(credentials={"tsig_secret": "canary"})
    factories.ca_account(eab={"kid": "k", "hmac_key": "canary"})
    old = key_file.read_text().strip()
    call_command("rotate_master_key", "--forget-old")
    assert old not in key_file.read_text()
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert DNSAccount.objects.get().credentials == {"tsig_secret": "canary"}
    assert CAAccount.objects.get().eab == {"kid": "k", "hmac_key": "canary"}


def test_an_interrupted_rotation_is_continued_under_the_same_new_key(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        factories.dns_account(f"dns{number}", credentials={"tsig_secret": f"canary{number}"})
    monkeypatch.setattr(rotation, "BATCH", 2)

    def stop(done: int) -> None:
        raise KeyboardInterrupt

    assert rotation.add_key()
    keys = key_file.read_text()
    with pytest.raises(KeyboardInterrupt):
        rotation.rewrap_all(stop)
    assert {a.credentials["tsig_secret"] for a in DNSAccount.objects.all()} == {
        f"canary{n}" for n in range(5)
    }
    call_command("rotate_master_key")
    assert key_file.read_text() == keys
    assert not any(rotation.outstanding(column).exists() for column in rotation.sealed_columns())


def test_old_keys_stay_while_a_secret_needs_them(key_file: Path) -> None:
    factories.dns_account()
    rotation.add_key()
    assert rotation.forget_old_keys() == 0
    assert len(key_file.read_text().split()) == 2


def test_a_secret_written_by_a_process_with_the_old_key_is_reported(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.dns_account()
    monkeypatch.setattr(rotation, "rewrap_all", lambda progress: 0)
    with pytest.raises(CommandError, match="run the command again"):
        call_command("rotate_master_key")


def test_a_running_process_sees_the_new_key_without_a_restart(key_file: Path) -> None:
    before = keyring.keyring().primary
    rotation.add_key()
    assert keyring.keyring().primary != before
    assert keyring.keyring().find(before.id) == before
