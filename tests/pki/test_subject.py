"""Which subjects an authority signs, in which form, and what hostile ones run into."""

import subprocess
import unicodedata
from collections.abc import Mapping

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from certmate.pki.alt_names import AltNames
from certmate.pki.errors import PKIError
from certmate.pki.requests import build_request
from certmate.pki.subject import ATTRIBUTES, from_name, parse_subject, text, to_name

FULL = {
    "CN": "Zoë Müller",
    "UID": "zoe",
    "SN": "Müller",
    "GN": "Zoë",
    "T": "Engineer",
    "SERIALNUMBER": "E-4711 (a)",
    "OU": "Networks",
    "O": "Example, Inc. + Söhne",
    "L": "München",
    "ST": "Bayern",
    "C": "DE",
}


def refusal(values: Mapping[str, object]) -> PKIError:
    with pytest.raises(PKIError) as refused:
        parse_subject(values)
    return refused.value


def outcome(values: Mapping[str, object]) -> dict[str, str] | PKIError:
    try:
        return parse_subject(values)
    except PKIError as error:
        return error


def name_refusal(name: x509.Name) -> PKIError:
    with pytest.raises(PKIError) as refused:
        from_name(name)
    return refused.value


def test_openssl_reads_every_attribute_in_our_order_and_its_string_type(ec_key: str) -> None:
    pem = build_request(ec_key, FULL, AltNames())
    shown = subprocess.run(
        ["openssl", "req", "-noout", "-subject", "-nameopt", "RFC2253,utf8,show_type,-esc_msb"],
        input=pem,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert shown == (
        "subject=CN=UTF8STRING:Zoë Müller,UID=UTF8STRING:zoe,SN=UTF8STRING:Müller,"
        "GN=UTF8STRING:Zoë,title=UTF8STRING:Engineer,"
        "serialNumber=PRINTABLESTRING:E-4711 (a),OU=UTF8STRING:Networks,"
        "O=UTF8STRING:Example\\, Inc. \\+ Söhne,L=UTF8STRING:München,"
        "ST=UTF8STRING:Bayern,C=PRINTABLESTRING:DE"
    )


def test_a_subject_is_read_back_as_it_was_written() -> None:
    parsed = parse_subject(FULL)
    assert parsed == FULL
    assert list(parsed) == list(ATTRIBUTES)
    assert from_name(to_name(FULL)) == parsed
    assert list(from_name(to_name(FULL))) == list(ATTRIBUTES)
    assert to_name(FULL) == to_name(dict(reversed(FULL.items())))


def test_a_subject_may_be_empty() -> None:
    assert parse_subject({}) == {}
    assert from_name(x509.Name([])) == {}
    assert text({}) == ""


def test_people_read_the_particular_first() -> None:
    shown = text({"C": "DE", "O": "A, B", "SN": "X", "SERIALNUMBER": "1", "CN": "jane"})
    assert shown == "CN=jane,SN=X,SERIALNUMBER=1,O=A\\, B,C=DE"


def test_a_value_is_composed_and_stripped() -> None:
    decomposed = unicodedata.normalize("NFD", "Zoë Nguyễn")
    assert parse_subject({"CN": f"\t {decomposed}\n"}) == {"CN": "Zoë Nguyễn"}


@pytest.mark.parametrize(
    "value",
    [
        "",
        " \t",
        "a\x00b",
        "a\nb",
        "a\x7fb",
        "a\u0085b",
        "a\u00a0b",
        "a\u00adb",
        "a\u200bb",
        "a\u200db",
        "a\u202eb",
        "a\u2066b",
        "a\u2028b",
        "a\u3000b",
        "a\ufeffb",
        "a\ufffe",
        "a\ud800",
        "a\ue000",
        "a\u034fb",
        "a\u3164",
        "\u2800",
        "a\ufe0f",
        "a\U000e0041",
        "a\U000e0100",
        None,
        5,
        b"x",
        ["x"],
        True,
    ],
    ids=repr,
)
def test_a_value_that_cannot_be_seen_as_it_is_is_refused(value: object) -> None:
    for name in ("CN", "O", "UID"):
        refused = refusal({name: value})
        assert (refused.code, refused.field) == ("subject.invalid", f"subject.{name}")
        assert refused.detail.isprintable()


@pytest.mark.parametrize("name", [name for name in ATTRIBUTES if name != "C"])
def test_each_attribute_has_its_upper_bound(name: str) -> None:
    limit = ATTRIBUTES[name].max_length
    assert parse_subject({name: "x" * limit}) == {name: "x" * limit}
    to_name({name: "x" * limit})
    for value in ("x" * (limit + 1), "x" * 1_000_000, " " * limit * 4 + "x"):
        refused = refusal({name: value})
        assert (refused.code, refused.field) == ("subject.invalid", f"subject.{name}")


def test_bounds_count_characters_and_in_a_common_name_bytes() -> None:
    assert to_name({"O": "ü" * 64}).rdns
    assert to_name({"CN": "ü" * 32}).rdns
    assert "bytes" in refusal({"CN": "ü" * 33}).detail
    assert "characters" in refusal({"O": "ü" * 65}).detail
    assert parse_subject({"O": "u\u0308" * 64}) == {"O": "ü" * 64}


@pytest.mark.parametrize("value", ["de", "D", "DEU", "D1", "ÄÖ", "\uff24\uff25"])
def test_a_country_is_two_capital_letters(value: str) -> None:
    assert refusal({"C": value}).field == "subject.C"


@pytest.mark.parametrize("value", ["a_b", "a@b", "ü", "a*", "a;b", "\u0661"])
def test_a_serial_number_is_a_printable_string(value: str) -> None:
    assert refusal({"SERIALNUMBER": value}).field == "subject.SERIALNUMBER"


@pytest.mark.parametrize("name", ["cn", "DC", "STREET", "", "2.5.4.3", "CN ", "\u202e", "x" * 999])
def test_an_unknown_attribute_is_refused(name: str) -> None:
    refused = refusal({"O": "x", name: "x"})
    assert refused.code == "subject.unknown"
    assert refused.detail.isprintable()
    assert refused.field.isprintable()
    assert len(refused.field) < 100


@pytest.mark.parametrize("name", ["E", "emailAddress", "email"])
def test_an_email_address_belongs_into_the_alternative_names(name: str) -> None:
    refused = refusal({name: "jane@example.org"})
    assert refused.code == "subject.unknown"
    assert "alternative names" in refused.detail
    written = x509.Name([x509.NameAttribute(NameOID.EMAIL_ADDRESS, "jane@example.org")])
    assert "alternative names" in name_refusal(written).detail


def attribute(oid: x509.ObjectIdentifier, value: str) -> x509.NameAttribute[str]:
    return x509.NameAttribute(oid, value)


def test_names_of_a_shape_that_we_would_not_write_are_refused() -> None:
    common, other = attribute(NameOID.COMMON_NAME, "a"), attribute(NameOID.COMMON_NAME, "b")
    surname = attribute(NameOID.SURNAME, "c")
    together = x509.Name([x509.RelativeDistinguishedName([common, surname])])
    for name, code in (
        (x509.Name([common, other]), "subject.invalid"),
        (x509.Name([common, common]), "subject.invalid"),
        (together, "subject.invalid"),
        (x509.Name([attribute(NameOID.STREET_ADDRESS, "x")]), "subject.unknown"),
        (x509.Name([attribute(NameOID.DOMAIN_COMPONENT, "x")]), "subject.unknown"),
        (x509.Name([attribute(NameOID.ORGANIZATION_NAME, "")]), "subject.invalid"),
        (x509.Name([attribute(NameOID.ORGANIZATION_NAME, "x" * 65)]), "subject.invalid"),
        (x509.Name([attribute(NameOID.COMMON_NAME, "a\x00b")]), "subject.invalid"),
    ):
        assert name_refusal(name).code == code


LETTERS = st.text(st.characters(categories=("L", "M", "N", "P", "S", "Zs")), max_size=20)
VALUES = {
    name: st.sampled_from(["DE", " ES ", "x"]) if name == "C" else LETTERS for name in ATTRIBUTES
}


@given(st.fixed_dictionaries({}, optional=VALUES))
def test_whatever_is_accepted_is_stable_visible_and_read_back(values: dict[str, str]) -> None:
    parsed = outcome(values)
    if isinstance(parsed, PKIError):
        assert parsed.code == "subject.invalid"
        assert parsed.field.removeprefix("subject.") in values
        return
    assert set(parsed) == set(values)
    assert parse_subject(parsed) == parsed == from_name(to_name(parsed))
    assert text(parsed).isprintable()
    oids = {name: attribute.oid for name, attribute in ATTRIBUTES.items()}
    assert x509.Name.from_rfc4514_string(text(parsed), oids) == to_name(parsed)


@given(st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=5)))
def test_arbitrary_values_are_refused_in_our_own_words(values: dict[str, object]) -> None:
    refused = outcome(values)
    assert refused == {} if not values else isinstance(refused, PKIError)
