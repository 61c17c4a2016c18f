"""Other people's programs judge what every profile makes with every type of key."""

import subprocess
from pathlib import Path

import pytest

from certmate.pki import bundle as bundles
from certmate.pki.bundle import to_pkcs12
from certmate.pki.keys import EXPERIMENTAL
from clients import services
from providers.models import Profile
from providers.services.profiles import SEEDS
from tests.clients import world
from tests.clients.world import SYSTEM, openssl
from tests.pki.linting import errors_of

pytestmark = pytest.mark.django_db

NAMES = {
    "server": {"dns": ["host", "*.example.test"], "ip": ["192.0.2.1", "2001:db8::1"]},
    "mutual": {"dns": ["host.example.test"]},
    "smime": {"email": ["jane@example.test"]},
    "device": {"dns": ["plc"], "ip": ["192.0.2.1"]},
    "client": {"email": ["jane@example.test"], "uri": ["spiffe://example.test/jane"]},
}
PURPOSES = {"server": "sslserver", "mutual": "sslserver", "smime": "smimesign"}
CASES = [
    (str(seed["name"]), str(key_type))
    for seed in SEEDS
    for key_type in seed["key_types"]
    if key_type != "rsa4096"  # As slow to make as it is like the smaller ones.
]


@pytest.mark.parametrize(("profile", "key_type"), CASES)
def test_every_profile_with_every_key(profile: str, key_type: str, tmp_path: Path) -> None:
    world.target()
    world.authority()
    Profile.objects.update(needs_approval=False)
    made = world.issue(
        "host" if profile == "server" else "host.example.test",
        profile=profile,
        key_type=key_type,
        san=NAMES.get(profile, {}),
    )
    bundle = services.load_client_bundle(actor=SYSTEM, certificate=made, include_private=True)
    bundles.check(bundle)
    assert errors_of(bundle.cert) == []
    leaf, chain, root = world.write_chain(tmp_path, made)
    purpose = PURPOSES.get(profile, "any" if profile == "code-signing" else "sslclient")
    verified = openssl(
        *("verify", "-x509_strict", "-purpose", purpose, "-CAfile", str(root)),
        *("-untrusted", str(chain), str(leaf)),
    )
    assert verified.returncode == 0, verified.stderr
    (tmp_path / "all.pem").write_text(bundle.fullchain)
    judged = subprocess.run(
        ["certtool", "--verify", "--load-ca-certificate", str(root), "--infile", "all.pem"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr
    (tmp_path / "all.p12").write_bytes(to_pkcs12(bundle, password="secret", name="host"))
    opened = openssl("pkcs12", "-in", str(tmp_path / "all.p12"), "-nodes", "-passin", "pass:secret")
    assert opened.returncode == 0, opened.stderr


@pytest.mark.parametrize("key_type", sorted(EXPERIMENTAL))
@pytest.mark.parametrize("of_authority", [False, True])
def test_ml_dsa_is_signed_and_linted(key_type: str, of_authority: bool) -> None:
    """OpenSSL and GnuTLS of this day know no ML-DSA; `bundles.check` verifies with the library."""
    world.target()
    world.authority(key_type=key_type if of_authority else "ec256")
    Profile.objects.filter(name="client").update(key_types=["ec256", *EXPERIMENTAL])
    made = world.issue(key_type="ec256" if of_authority else key_type)
    bundle = services.load_client_bundle(actor=SYSTEM, certificate=made, include_private=True)
    bundles.check(bundle)
    assert errors_of(bundle.cert) == []
