"""Certificates of other CAs that are brought along."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from certmate.core.errors import InvalidRequest
from certmate.pki.inspect import pem_of
from certmate.pki.keys import KeyType, new_key
from clients import services
from providers.models import Revocation
from tests.clients import world
from tests.clients.world import SYSTEM, issue

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _company() -> None:
    world.target()
    world.authority()


def test_an_uploaded_certificate_is_kept_and_not_revoked_here() -> None:
    ours = services.load_client_bundle(actor=SYSTEM, certificate=issue(), include_private=True)
    kept = services.upload_client_certificate(
        actor=SYSTEM,
        certificate=ours.cert,
        chain=ours.chain,
        private_key=ours.privkey or "",
        identifier="theirs",
    )
    assert (kept.method, kept.authority) == ("manual", None)
    assert kept.expires_at is not None
    again = services.load_client_bundle(actor=SYSTEM, certificate=kept, include_private=True)
    assert again.privkey == ours.privkey
    with pytest.raises(InvalidRequest) as refused:
        services.revoke_client_certificate(actor=SYSTEM, certificate=kept)
    assert refused.value.code == "client.not_ours"
    assert not Revocation.objects.exists(), "whoever uploads a certificate does not revoke its twin"


@pytest.mark.parametrize("flaw", ["NUL", "serial", "twice"])
def test_what_no_column_holds_is_refused_at_an_upload(flaw: str) -> None:
    key = new_key(KeyType.EC256)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a\0b" if flaw == "NUL" else "a")])
    now = datetime.now(UTC)
    draft = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1 << 158)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("a")]), critical=False)
    )
    der = draft.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
    if flaw == "serial":
        # One octet more, by hand: no library makes it.
        der = lengthened(der)
    if flaw == "twice":
        der = der.replace(bytes.fromhex("0603551d11"), bytes.fromhex("0603551d13"))
    with pytest.raises(InvalidRequest) as refused:
        services.upload_client_certificate(
            actor=SYSTEM, certificate=pem_of(der), identifier="theirs"
        )
    assert (refused.value.code, refused.value.field) == ("certificate.malformed", "certificate")


def lengthened(der: bytes) -> bytes:
    """The certificate (DER), its serial number one octet longer and the lengths around it too."""
    serial = der.index(bytes([0x02, 0x14]))
    longer = bytearray(der)
    longer[serial : serial + 2] = bytes([0x02, 0x15, 0x01])
    for start in (2, 6):
        longer[start : start + 2] = (int.from_bytes(der[start : start + 2]) + 1).to_bytes(2)
    return bytes(longer)
