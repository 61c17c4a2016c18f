"""The same, at places with shapes of their own: Key Vault, PKCS#12, Infisical."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from storage.backends.base import OwnPlaces
from tests.servers.azure_kv import KeyVault
from tests.storage import leftovers, places
from tests.storage.bundles import issue
from tests.storage.test_rebuilding import bundle_of

pytestmark = pytest.mark.django_db


def test_one_secret_that_is_switched_off_stops_no_listing(
    request: pytest.FixtureRequest,
    own_places: OwnPlaces,
    azure_server: KeyVault,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Key Vault answers 403 for a disabled secret, whatever one's rights."""
    given = places.parameters("azure-key-vault", request)
    backend = places.build("azure-key-vault", given, own_places)
    leftovers.leave("azure-key-vault", request, given, "a.example.com", bundle_of("a.example.com"))
    leftovers.leave("azure-key-vault", request, given, "b.example.com", bundle_of("b.example.com"))
    off = next(
        name for name in azure_server.secrets if name.startswith("cert-a-example-com-cert-pem")
    )
    real = KeyVault._get

    def get(self: KeyVault, name: str, found: Any, path: list[str]) -> Any:
        from tests.servers.standin import Reply

        if name == off:
            return Reply(403, {"error": {"code": "Forbidden", "message": "SecretDisabled"}})
        return real(self, name, found, path)

    monkeypatch.setattr(KeyVault, "_get", get)
    assert "b.example.com" in list(backend.legacy())


_OPEN = """
import sys
from certmate.pki.bundle import from_pkcs12
from certmate.pki.errors import PKIError
try:
    from_pkcs12(sys.stdin.buffer.read())
except PKIError:
    print("refused")
"""


def test_a_pkcs12_file_whose_password_takes_for_ever_is_not_tried(tmp_path: Path) -> None:
    bundle = issue()
    (tmp_path / "c.pem").write_text(bundle.cert)
    (tmp_path / "k.pem").write_text(bundle.privkey or "")
    made = tmp_path / "b.pfx"
    command = ["openssl", "pkcs12", "-export", "-in", "c.pem", "-inkey", "k.pem", "-out", "b.pfx"]
    command += ["-passout", "pass:", "-keypbe", "NONE", "-certpbe", "NONE", "-iter", "8388609"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    content = made.read_bytes()
    slow = b"\x02\x04\x00\x80\x00\x01", b"\x02\x03\x80\x00\x01"
    at = max(content.rfind(one) for one in slow)
    assert at > 0
    content = content[:at] + content[at:].replace(
        b"\x02\x04\x00\x80\x00\x01", b"\x02\x04\x7f\xff\xff\xff"
    )
    command = [sys.executable, "-c", _OPEN]
    answer = subprocess.run(command, input=content, check=True, capture_output=True, timeout=20)
    assert answer.stdout == b"refused\n"
