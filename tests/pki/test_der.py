"""The little of DER that is written here, octet by octet."""

import pytest
from cryptography import x509

from certmate.pki import der

INTEGERS = {
    0: "020100",
    127: "02017f",
    128: "02020080",
    256: "02020100",
    -1: "0201ff",
    -128: "020180",
    -129: "0202ff7f",
}


@pytest.mark.parametrize(("value", "octets"), INTEGERS.items())
def test_an_integer_takes_as_few_octets_as_can_be(value: int, octets: str) -> None:
    """X.690 §8.3.2, as OpenSSL writes them."""
    assert der.integer(value).hex() == octets


@pytest.mark.parametrize(
    "dotted", ["2.5.29.19", "1.3.6.1.4.1.311.20.2.2", "0.9.128", "2.999.16384"]
)
def test_an_object_identifier_is_as_the_library_writes_it(dotted: str) -> None:
    sequence = x509.ExtendedKeyUsage([x509.ObjectIdentifier(dotted)]).public_bytes()
    assert der.parts(sequence) == [der.object_identifier(dotted)]
