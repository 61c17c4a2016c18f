"""Certificates that an authority is about to sign: whatever was asked for, what is built is right
by RFC 5280, and is what its profile says.
"""

import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import assume, given
from hypothesis import strategies as st

from certmate.pki import der
from certmate.pki.alt_names import AltNames, parse_alt_names
from certmate.pki.errors import PKIError
from certmate.pki.inspect import pem_of
from certmate.pki.keys import KeyType, load_private_key, new_key, signature_hash
from certmate.pki.profiles import Profile, check
from certmate.pki.requests import parse_request
from certmate.pki.subject import parse_subject
from certmate.pki.usages import KEY_USAGES, key_usage
from providers.authority.building import Drafted, IssuingKey, Leaf, draft_leaf, spki_of
from providers.authority.cas import CAWanted, draft_ca
from providers.authority.custody import CUSTODIES
from providers.authority.finishing import finish
from tests.pki.linting import errors_of

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
CENTURY = timedelta(days=36500)
CLIENT = Profile(
    name="client",
    key_usage=frozenset({"digitalSignature", "keyEncipherment"}),
    extended_key_usage=("clientAuth",),
    key_types=frozenset(KeyType),
    default_validity=timedelta(days=365),
    longest_validity=CENTURY,
    subject={"O": "Example"},
    subject_fields=frozenset({"CN", "OU", "C", "L"}),
    alt_names={"dns": ("*.example.test",), "email": ("*",), "ip": ("10.0.0.0/8",), "uri": ("*",)},
)
"""For everybody: the organisation is not theirs to set."""


@cache
def root(key_type: KeyType = KeyType.EC256) -> tuple[IssuingKey, dict[str, Any]]:
    made = CUSTODIES["database"].make(key_type)
    wanted = CAWanted({"CN": "Root"}, made.public_key, CENTURY, None, {})
    drafted = draft_ca(wanted, None, now=datetime(2026, 1, 1, tzinfo=UTC))
    (cert,) = finish("database", made.stored, "", None, [drafted.frame])
    return IssuingKey(pem_of(cert), "", 1, "http://pki.example.test", 0, 4), made.stored


@cache
def spki(key_type: KeyType = KeyType.EC256) -> bytes:
    return spki_of(new_key(key_type).public_key())


OURS = {
    *("2.5.29.19", "2.5.29.15", "2.5.29.37", "2.5.29.17", "2.5.29.14", "2.5.29.35"),
    *("2.5.29.31", "1.3.6.1.5.5.7.1.1"),
}
"""All that a leaf has: see `lint.exact`."""


def _point(url: str) -> x509.DistributionPoint:
    place = x509.UniformResourceIdentifier(url)
    return x509.DistributionPoint([place], None, None, None)


@cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def leaf(
    subject: Mapping[str, str], names: AltNames, key_type: KeyType = KeyType.EC256, **more: Any
) -> Leaf:
    return Leaf(subject, names, more.pop("spki", None) or spki(key_type), {}, **more)


def sign(drafted: Drafted, key_type: KeyType = KeyType.EC256) -> x509.Certificate:
    key, stored = root(key_type)
    (cert,) = finish("database", stored, "", key.issuer, [drafted.frame])
    return x509.load_der_x509_certificate(cert)


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize("issuer", [k for k in KeyType if k != KeyType.RSA4096])
@pytest.mark.parametrize(
    "holder", [KeyType.RSA2048, KeyType.EC384, KeyType.ED25519, KeyType.MLDSA44]
)
def test_every_kind_of_key_signs_every_other(issuer: KeyType, holder: KeyType) -> None:
    key, _ = root(issuer)
    drafted = draft_leaf(key, CLIENT, leaf({"CN": "x"}, AltNames(), holder), now=NOW)
    certificate = sign(drafted, issuer)
    assert certificate.tbs_certificate_bytes == drafted.frame.tbs, "what was judged is signed"
    assert errors_of(pem(certificate)) == []


@pytest.mark.parametrize("issuer", [KeyType.EC256, KeyType.EC521, KeyType.RSA2048])
@pytest.mark.parametrize("names", [AltNames(), AltNames(dns=("a.example.test",), ip=("10.0.0.1",))])
def test_what_is_to_be_signed_is_what_the_library_writes(issuer: KeyType, names: AltNames) -> None:
    key, stored = root(issuer)
    drafted = draft_leaf(key, CLIENT, leaf({"CN": "Jäne", "C": "DE"}, names), now=NOW)
    certificate = sign(drafted, issuer)
    builder = x509.CertificateBuilder(
        issuer_name=key.issuer.certificate.subject,
        subject_name=certificate.subject,
        public_key=certificate.public_key(),
        serial_number=certificate.serial_number,
        not_valid_before=certificate.not_valid_before_utc.replace(tzinfo=None),
        not_valid_after=certificate.not_valid_after_utc.replace(tzinfo=None),
        extensions=list(certificate.extensions),
    )
    private = load_private_key(stored["pem"])
    theirs = builder.sign(private, signature_hash(private.public_key()))
    assert theirs.tbs_certificate_bytes == drafted.frame.tbs


@given(
    after=st.integers(1, 28 * 365),
    days=st.integers(1, 20000),
)
def test_times_are_encoded_as_rfc_5280_says_around_2050(after: int, days: int) -> None:
    key, _ = root()
    wanted = leaf({"CN": "x"}, AltNames(), validity=timedelta(days=days))
    certificate = sign(
        draft_leaf(key, CLIENT, wanted, now=NOW + timedelta(days=after, seconds=after))
    )
    assert errors_of(pem(certificate)) == []
    assert certificate.not_valid_after_utc <= key.issuer.certificate.not_valid_after_utc
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert lifetime <= timedelta(days=days, minutes=5)


@given(
    common_name=st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=20),
    unit=st.text(st.characters(exclude_categories=["C"]), max_size=20).map("x{}x".format),
    emails=st.lists(
        st.from_regex(r"[a-z0-9!#$%&.]{1,9}@[A-Za-z]{2}\.test", fullmatch=True), max_size=2
    ),
    hosts=st.lists(
        st.from_regex(r"(\*\.)?[A-Za-z0-9]{1,9}(-{1,2}[a-z0-9])?\.example\.test", fullmatch=True),
        max_size=3,
    ),
)
def test_names_are_certified_as_they_were_checked_or_not_at_all(
    common_name: str, unit: str, emails: list[str], hosts: list[str]
) -> None:
    key, _ = root()
    try:
        subject = parse_subject({"CN": common_name, "OU": unit})
        names = parse_alt_names(dns=hosts, email=emails)
        drafted = draft_leaf(key, CLIENT, leaf(subject, names), now=NOW)
    except PKIError:
        assume(False)
    certificate = sign(drafted)
    assert errors_of(pem(certificate)) == []
    said = {a.rfc4514_attribute_name: a.value for a in certificate.subject}
    assert said == {**subject, "O": "Example"}
    san = [
        e.value for e in certificate.extensions if isinstance(e.value, x509.SubjectAlternativeName)
    ]
    assert [str(name.value) for one in san for name in one] == list(names.all())


HOSTILE: tuple[tuple[x509.ExtensionType, bool], ...] = (
    (x509.BasicConstraints(ca=True, path_length=9), True),
    (key_usage(frozenset(KEY_USAGES)), True),
    (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]), False),
    (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False),
    (x509.NameConstraints([x509.DNSName("")], None), True),
    (x509.SubjectKeyIdentifier(b"not mine"), False),
    (x509.OCSPNoCheck(), False),
    (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00"), True),
    (x509.CRLDistributionPoints([_point("http://evil.test/crl")]), False),
)


@given(
    chosen=st.sets(st.sampled_from(range(len(HOSTILE)))),
    organisation=st.sampled_from(["", "Example", "Evil"]),
    names=st.lists(
        st.sampled_from(
            [
                x509.DNSName("a.example.test"),
                x509.DNSName("*.evil.test"),
                x509.DNSName("evil.test\0.example.test"),
                x509.RFC822Name("jane@example.test"),
                x509.IPAddress(ip_address("10.1.2.3")),
                x509.IPAddress(ip_address("8.8.8.8")),
                x509.DirectoryName(x509.Name([])),
                x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"),
            ]
        ),
        max_size=3,
    ),
)
def test_nothing_of_a_hostile_request_reaches_a_certificate(
    chosen: set[int], organisation: str, names: list[x509.GeneralName]
) -> None:
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, "jane")]
    if organisation:
        subject.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    kinds = {type(HOSTILE[index][0]): HOSTILE[index] for index in chosen}
    for value, critical in kinds.values():
        builder = builder.add_extension(value, critical)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
    made = builder.sign(_key(), hashes.SHA256()).public_bytes(Encoding.DER)
    key, _ = root()
    try:
        request = parse_request(made)
        wanted = leaf(request.subject, request.alt_names, spki=request.spki)
        certificate = sign(draft_leaf(key, CLIENT, wanted, now=NOW))
    except PKIError:
        return
    assert errors_of(pem(certificate)) == []
    assert {extension.oid.dotted_string for extension in certificate.extensions} <= OURS
    found = certificate.extensions
    assert found.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert not found.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    purposes = found.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert b"evil" not in certificate.public_bytes(Encoding.DER).lower()


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (leaf({"CN": "x", "O": "Evil"}, AltNames()), "subject.O"),
        (leaf({"CN": "x", "ST": "x"}, AltNames()), "subject.ST"),
        (leaf({"CN": "x"}, AltNames(dns=("evil.test",))), "san.dns"),
        (leaf({"CN": "x"}, AltNames(dns=("example.test",))), "san.dns"),
        (leaf({"CN": "x"}, AltNames(ip=("192.0.2.1",))), "san.ip"),
        (leaf({"CN": "x"}, AltNames(), validity=CENTURY * 2), "validity_days"),
        (leaf({"CN": "x"}, AltNames(), validity=timedelta(0)), "validity_days"),
    ],
)
def test_what_the_profile_forbids_is_refused_with_its_field(wanted: Leaf, field: str) -> None:
    with pytest.raises(PKIError) as refused:
        draft_leaf(root()[0], CLIENT, wanted, now=NOW)
    assert refused.value.field == field


def test_a_draft_that_is_not_what_was_checked_is_never_signed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As if a bug between the checks and the bytes had let more in."""
    from certmate.pki import profiles

    def more(*args: Any, **kwargs: Any) -> Any:
        made = list(real(*args, **kwargs))
        made[0] = (x509.BasicConstraints(ca=True, path_length=None), True)
        return tuple(made)

    real = profiles.extensions
    monkeypatch.setattr(profiles, "extensions", more)
    with pytest.raises(PKIError) as refused:
        draft_leaf(root()[0], CLIENT, leaf({"CN": "x"}, AltNames()), now=NOW)
    assert refused.value.code == "lint.failed"


def test_a_signature_by_another_key_is_noticed() -> None:
    key, _ = root()
    drafted = draft_leaf(key, CLIENT, leaf({"CN": "x"}, AltNames()), now=NOW)
    other = CUSTODIES["database"].make(KeyType.EC256)
    with pytest.raises(PKIError) as refused:
        finish("database", other.stored, "", key.issuer, [drafted.frame])
    assert refused.value.code == "signature.invalid"


@given(serial=st.integers(1, 2**159 - 1))
def test_a_shard_is_for_life(serial: int) -> None:
    key, _ = root()
    assert key.shard(serial) in range(4)
    assert key.shard(serial) == key.shard(serial)


@given(content=st.binary(max_size=70000), tag=st.sampled_from([0x30, 0x03, 0x04]))
def test_der_lengths_are_those_of_openssl(content: bytes, tag: int) -> None:
    whole = der.encoded(tag, content)
    start, end = der._content(whole, 0)
    assert (whole[start:end], end) == (content, len(whole))


def test_openssl_agrees_on_a_long_element(tmp_path: Path) -> None:
    (tmp_path / "x.der").write_bytes(der.encoded(der.SEQUENCE, der.encoded(0x04, b"x" * 70000)))
    command = ["openssl", "asn1parse", "-inform", "DER", "-in", str(tmp_path / "x.der")]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "l=70000" in said


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"key_usage": frozenset()}, "key_usage"),
        ({"key_usage": frozenset({"keyCertSign"})}, "key_usage"),
        ({"key_types": frozenset()}, "key_types"),
        ({"default_validity": CENTURY * 2}, "default_days"),
        ({"subject": {"CN": "{colour}"}}, "subject.CN"),
        ({"subject": {"C": "Germany"}}, "subject.C"),
    ],
)
def test_a_profile_without_sense_is_refused(change: dict[str, Any], field: str) -> None:
    from dataclasses import replace

    with pytest.raises(PKIError) as refused:
        check(replace(CLIENT, **change))
    assert refused.value.field == field
