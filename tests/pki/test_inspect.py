"""What is read out of certificates, with openssl as the referee."""

import base64
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from certmate.pki.errors import PKIError
from certmate.pki.inspect import (
    CertificateFacts,
    describe_certificate,
    pem_blocks,
    split_chain,
    whole_octets,
)
from certmate.pki.keys import describe, load_private_key
from tests.pki.conftest import Issued, sign_certificate


def refusal(pem: str) -> str:
    with pytest.raises(PKIError) as refused:
        describe_certificate(pem)
    return refused.value.code


def outcome(pem: str) -> CertificateFacts | PKIError:
    try:
        return describe_certificate(pem)
    except PKIError as error:
        return error


def openssl(pem: str, *options: str) -> str:
    return subprocess.run(
        ["openssl", "x509", "-noout", *options],
        input=pem,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_the_facts_are_those_that_openssl_reads(intermediate: Issued, root: Issued) -> None:
    facts = describe_certificate(intermediate.pem)
    assert openssl(intermediate.pem, "-serial").lower() == f"serial={facts.serial}"
    fingerprint = openssl(intermediate.pem, "-fingerprint", "-sha256").partition("=")[2]
    assert fingerprint.replace(":", "").lower() == facts.fingerprint
    assert openssl(intermediate.pem, "-issuer", "-nameopt", "rfc2253") == f"issuer={facts.issuer}"
    assert openssl(intermediate.pem, "-subject", "-nameopt", "rfc2253") == (
        f"subject={facts.subject}"
    )
    assert facts.issuer == "CN=Root"
    assert facts.key == describe(load_private_key(intermediate.key_pem).public_key())


def test_instants_are_aware_and_names_are_in_our_form(root: Issued) -> None:
    facts = describe_certificate(root.pem)
    assert facts.not_before == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert facts.not_after == datetime(2026, 4, 2, 3, 4, 5, tzinfo=UTC)
    assert facts.names == ("www.example.com", "*.example.com", "2001:db8::1")


@pytest.mark.parametrize("serial", [1, 0xFF, 0x100, 2**158 + 7])
def test_a_serial_is_written_in_whole_octets(ec_key: str, serial: int) -> None:
    pem = sign_certificate(ec_key, "x", None, serial=serial).pem
    facts = describe_certificate(pem)
    assert len(facts.serial) % 2 == 0
    assert openssl(pem, "-serial").lower() == f"serial={facts.serial}"


def test_a_certificate_without_sans_has_no_names(ec_key: str) -> None:
    made = subprocess.run(
        ["openssl", "req", "-x509", "-key", "/dev/stdin", "-subj", "/CN=a.example.com"],
        input=ec_key,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    facts = describe_certificate(made)
    assert (facts.subject, facts.names) == ("CN=a.example.com", ())


def test_a_chain_comes_apart_into_clean_certificates(intermediate: Issued, root: Issued) -> None:
    messy = f"subject=Intermediate\r\n{intermediate.pem}\n\nsubject=Ñ\n{root.pem}# end"
    assert split_chain(messy) == [intermediate.pem, root.pem]
    assert split_chain("") == split_chain(" \n") == []


def test_what_is_not_one_certificate_is_refused(root: Issued, ec_key: str) -> None:
    for pem in (
        "",
        "x",
        root.pem * 2,
        root.pem + ec_key,
        root.pem.replace("CERTIFICATE", "CERTIFICATE REQUEST"),
        root.pem[:-20],
        root.pem.replace("MII", "MIJ"),
        root.pem + " " * 300_000,
    ):
        assert refusal(pem) == "certificate.malformed"


def test_blocks_are_counted_by_their_beginnings() -> None:
    assert pem_blocks("no block") == []
    with pytest.raises(PKIError):
        pem_blocks("-----BEGIN A-----\nAAAA\n-----END A-----\n-----BEGIN B-----\nAAAA\n")
    assert pem_blocks("-----BEGIN A-----\nAA\r\nAA\n-----END A-----") == [("A", b"\0\0\0")]


@pytest.mark.filterwarnings("ignore:Parsed a serial number", "ignore:Attribute's length")
@given(st.data())
def test_a_damaged_certificate_is_described_or_refused(root: Issued, data: st.DataObject) -> None:
    der = bytearray(root.certificate.public_bytes(Encoding.DER))
    for _ in range(data.draw(st.integers(1, 4))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    body = base64.encodebytes(der).decode()
    pem = f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n"
    facts = outcome(pem)
    if isinstance(facts, PKIError):
        assert facts.code == "certificate.malformed"
    else:
        assert facts.not_after.utcoffset() == timedelta(0)


def test_a_certificate_can_be_loaded_again_from_its_part_of_the_chain(root: Issued) -> None:
    assert x509.load_pem_x509_certificate(split_chain(root.pem)[0].encode()) == root.certificate


@pytest.mark.parametrize(
    ("digits", "octets"), [("1", "01"), ("abc", "0abc"), ("000c8d", "0c8d"), ("80", "80"), ("", "")]
)
def test_a_serial_number_is_whole_octets(digits: str, octets: str) -> None:
    assert whole_octets(digits) == octets
