"""Requests as clients write them, and as nobody should."""

import base64
import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from hypothesis import example, given, settings
from hypothesis import strategies as st

from certmate.pki.errors import PKIError
from certmate.pki.ocsp import requests
from certmate.pki.ocsp.requests import CertID, from_path, parse
from tests.providers.authority import making

EXAMPLES = int(os.environ.get("CERTMATE_TEST_EXAMPLES", "300"))


def request_for(
    serial: int = 0x1234, nonce: bytes | None = None, algorithm: hashes.HashAlgorithm | None = None
) -> bytes:
    digest = algorithm or hashes.SHA256()
    size = digest.digest_size
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        b"n" * size, b"k" * size, serial, digest
    )
    if nonce is not None:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(Encoding.DER)


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [(hashes.SHA1(), "sha1"), (hashes.SHA256(), "sha256"), (hashes.SHA384(), "")],
)
def test_a_request_says_what_it_is_about(algorithm: hashes.HashAlgorithm, name: str) -> None:
    size = algorithm.digest_size
    asked = parse(request_for(algorithm=algorithm, nonce=b"x" * 32))
    assert asked.certificates == (CertID(name, b"n" * size, b"k" * size, 0x1234),)
    assert asked.nonce == b"x" * 32
    assert parse(request_for(algorithm=algorithm)).nonce is None


def test_openssl_writes_signed_ones_with_a_name_and_about_several(tmp_path: Path) -> None:
    making.openssl_ca(tmp_path)
    asked = ("openssl", "ocsp", "-issuer", "ca.pem", "-serial", "0x12", "-serial", "0xffff")
    for more in (("-no_nonce",), (), ("-signer", "ca.pem", "-signkey", "ca.key")):
        done, said = making.run(*asked, *more, "-reqout", "request.der", folder=tmp_path)
        assert done, said
        found = parse((tmp_path / "request.der").read_bytes())
        assert [one.serial for one in found.certificates] == [0x12, 0xFFFF]
        assert (found.nonce is None) == ("-no_nonce" in more)


PLAIN = request_for()
MALFORMED = {
    "nothing": b"",
    "another structure": bytes.fromhex("0500"),
    "no certificate": bytes.fromhex("300430023000"),
    "cut off": PLAIN[:-1],
    "something after it": PLAIN + b"\0",
    "long form of a short length": bytes.fromhex("3081") + PLAIN[1:],
    "another version": bytes.fromhex("3050304ea003020101") + PLAIN[4:],
    "too long": b"\x30\x82\x20\x00" + b"\0" * 8192,
}


@pytest.mark.parametrize("what", MALFORMED)
def test_whatever_else_is_malformed(what: str) -> None:
    with pytest.raises(PKIError) as refused:
        parse(MALFORMED[what])
    assert refused.value.code == "ocsp.malformed"


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    base=st.sampled_from([PLAIN, request_for(nonce=b"n" * 32), request_for(2**159 - 1)]),
    at=st.integers(0, 150),
    cut=st.integers(0, 3),
    put=st.binary(max_size=4),
)
@example(base=PLAIN, at=0, cut=0, put=b"")
def test_no_octets_do_anything_else(base: bytes, at: int, cut: int, put: bytes) -> None:
    changed = base[:at] + put + base[at + cut :]
    try:
        found = parse(changed)
    except PKIError:
        return
    assert found.certificates
    assert found.nonce is None or 1 <= len(found.nonce) <= requests.LONGEST_NONCE
    # What we take, other people's reader takes as well.
    theirs = ocsp.load_der_ocsp_request(changed)
    assert theirs.public_bytes(Encoding.DER) == changed


@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.binary(min_size=1, max_size=200), text=st.text(max_size=100))
def test_a_path_is_read_as_it_was_written(data: bytes, text: str) -> None:
    data = b"\x30" + data
    written = base64.b64encode(data).decode()
    for form in (written, quote(written, safe=""), base64.urlsafe_b64encode(data).decode()):
        assert from_path(form) == from_path(form.rstrip("=")) == data
    with suppress(PKIError):
        from_path(text)
