"""Which alternative names an authority may certify, in which form, and what is refused."""

import subprocess
from ipaddress import ip_address, ip_network

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from certmate.pki.alt_names import MAX_EMAIL, MAX_URI, AltNames, from_general_names, parse_alt_names
from certmate.pki.errors import PKIError
from certmate.pki.requests import build_request

FULL = AltNames(
    dns=("printer", "*.corp", "www.example.com", "xn--bcher-kva.example"),
    ip=("10.0.0.1", "2001:db8::1"),
    email=("Jane.O'Neil+x@example.org",),
    uri=("spiffe://example.org/service", "urn:uuid:F81D4FAE-7dec-11d0-a765-00a0c91e6bf6"),
)


def outcome(kind: str, *texts: str) -> AltNames | PKIError:
    try:
        return parse_alt_names(**{kind: texts})
    except PKIError as error:
        return error


def refusal(kind: str, *texts: str) -> str:
    refused = outcome(kind, *texts)
    assert isinstance(refused, PKIError)
    assert refused.field == f"san.{kind}"
    assert refused.detail.isprintable()
    assert len(refused.detail) < 300
    return refused.code


def one(kind: str, text: str) -> str:
    parsed = outcome(kind, text)
    assert isinstance(parsed, AltNames), parsed
    assert parsed.as_dict().keys() == {kind}
    return parsed.all()[0]


def test_openssl_and_certtool_read_the_names_of_each_kind(ec_key: str) -> None:
    pem = build_request(ec_key, {"CN": "x"}, FULL)
    for command, dns, uri in (
        (["openssl", "req", "-noout", "-text", "-verify"], "DNS:", "URI:"),
        (["certtool", "--crq-info"], "DNSname: ", "URI: "),
    ):
        ran = subprocess.run(command, input=pem, capture_output=True, text=True, check=True)
        for name in FULL.dns:
            assert f"{dns}{name}" in ran.stdout
        for name in FULL.uri:
            assert f"{uri}{name}" in ran.stdout
        assert "10.0.0.1" in ran.stdout
        assert FULL.email[0] in ran.stdout


def test_what_is_written_is_read_back() -> None:
    assert from_general_names(FULL.general_names()) == FULL
    assert parse_alt_names(**FULL.as_dict()) == FULL
    assert [str(name.value) for name in FULL.general_names()] == list(FULL.all())


def test_only_the_kinds_that_there_are_are_in_the_dictionary() -> None:
    assert AltNames().is_empty
    assert AltNames().as_dict() == {}
    assert AltNames().general_names() == []
    names = parse_alt_names(ip=["10.0.0.1"], dns=["a"])
    assert not names.is_empty
    assert names.as_dict() == {"dns": ["a"], "ip": ["10.0.0.1"]}
    assert names.all() == ("a", "10.0.0.1")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Printer", "printer"),
        ("com", "com"),
        ("co.uk", "co.uk"),
        ("*.com", "*.com"),
        ("*.CORP", "*.corp"),
        ("host.internal", "host.internal"),
        ("bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_internal_names_are_dns_names(text: str, value: str) -> None:
    assert one("dns", text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "*.*.a",
        "a*.example.com",
        "example.com.",
        "a..b",
        "a_b",
        "-a",
        "a b",
        "a\x00b",
        "10.0.0.1",
        "::1",
        "0x7f.1",
        "xn--a",
        "ab--c.example",
        "a" * 64,
        "a." * 127 + "a",
        "a" * 1_000_000,
        "jane@example.org",
        "\u202eexample.com",
    ],
    ids=lambda text: ascii(text)[:30],
)
def test_what_is_no_dns_name_is_refused(text: str) -> None:
    assert refusal("dns", text) in {"name.invalid", "name.wildcard", "name.idna", "name.ip"} | {
        "san.invalid"
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [("10.0.0.1", "10.0.0.1"), ("2001:DB8:0::1", "2001:db8::1"), ("::1", "::1")],
)
def test_an_ip_address_has_its_canonical_text(text: str, value: str) -> None:
    assert one("ip", text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "printer",
        "10.0.0",
        "010.0.0.1",
        "10.0.0.0/24",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "255.255.255.255",
        "fe80::1%eth0",
        "::ffff:10.0.0.1",
        "[::1]",
        "1" * 1_000_000,
        "\u0661\u0660.0.0.1",
    ],
    ids=lambda text: ascii(text)[:30],
)
def test_what_is_no_address_of_one_host_is_refused(text: str) -> None:
    assert refusal("ip", text) in {"san.invalid", "name.ip"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Jane.Doe@Example.ORG", "Jane.Doe@example.org"),
        ("root@localhost", "root@localhost"),
        ("jane@bücher.example", "jane@xn--bcher-kva.example"),
        ("!#$%&'*+-/=?^_`{|}~@a", "!#$%&'*+-/=?^_`{|}~@a"),
        ("a" * 64 + "@example.org", "a" * 64 + "@example.org"),
    ],
)
def test_the_domain_of_an_email_address_is_without_case(text: str, value: str) -> None:
    assert one("email", text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "jane",
        "@example.org",
        "jane@",
        "jane@@example.org",
        "jane@x@example.org",
        ".jane@example.org",
        "jane.@example.org",
        "ja..ne@example.org",
        '"jane doe"@example.org',
        "jane doe@example.org",
        "Jane <jane@example.org>",
        "jane@example.org ",
        "jane@example.org\n",
        "jane\x00@example.org",
        "zoë@example.org",
        "jane@[10.0.0.1]",
        "jane@10.0.0.1",
        "jane@::1",
        "jane@*.example.org",
        "jane@example.org.",
        "a" * 65 + "@example.org",
        "a@" + "b." * 126 + "b",
        # IDNA drops soft hyphens, so that the form without them would be short enough.
        "a@" + "\u00ad" * (MAX_EMAIL - 2) + "b",
        "a" * 1_000_000 + "@b",
    ],
    ids=lambda text: ascii(text)[:30],
)
def test_what_is_no_email_address_is_refused(text: str) -> None:
    assert refusal("email", text) in {"san.invalid", "name.invalid", "name.ip", "name.idna"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("SPIFFE://Example.org/Service", "spiffe://example.org/Service"),
        ("spiffe://prod/ns/a/sa/b", "spiffe://prod/ns/a/sa/b"),
        ("https://10.0.0.1:8443/?q=/?a#b?", "https://10.0.0.1:8443/?q=/?a#b?"),
        ("https://[2001:DB8:0::1]:1", "https://[2001:db8::1]:1"),
        ("https://a/%41%e2", "https://a/%41%e2"),
        ("opc.tcp://host:4840", "opc.tcp://host:4840"),
        ("URN:ISBN:0451450523", "urn:isbn:0451450523"),
        ("https://a/" + "x" * (MAX_URI - 10), "https://a/" + "x" * (MAX_URI - 10)),
    ],
    ids=lambda text: text[:30],
)
def test_scheme_and_host_of_a_uri_are_without_case(text: str, value: str) -> None:
    assert one("uri", text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.org",
        "/path",
        "//example.org/",
        "https:",
        "https://",
        "https:///path",
        "https://user@example.org/",
        "https://user:secret@example.org/",
        "https://example.org:65536/",
        "https://example.org:/",
        "https://example.org:x/",
        "https://example.org\\@evil.example/",
        "https://exa mple.org/",
        "https://example.org/a b",
        "https://example.org/\n",
        "https://example.org/\x00",
        "https://example.org/a/../b",
        "https://example.org/a/.",
        "https://example.org/a/%2E%2e?x",
        "https://example.org/a/.%2e#x",
        "https://example.org/%",
        "https://example.org/%zz",
        "https://example.org/<a>",
        'https://example.org/"',
        "https://example.org/#a#b",
        "https://bücher.example/",
        "https://example.org/ü",
        "https://*.example.org/",
        "https://[10.0.0.1]/",
        "https://[::1%25eth0]/",
        "https://[::1/",
        "https://0x7f.1/",
        "https://0.0.0.0/",
        "https://example.org./",
        "1http://example.org",
        "mailto:jane@example.org",
        "data:text/html,x",
        "javascript:alert(1)",
        "urn:x:y",
        "urn:isbn:",
        "urn:-ab:c",
        "https://a/" + "x" * MAX_URI,
        "https://" + "a" * 1_000_000,
        "urn:isbn:" + "%41" * 1_000_000,
    ],
    ids=lambda text: ascii(text)[:30],
)
def test_what_is_no_absolute_uri_with_a_host_is_refused(text: str) -> None:
    assert refusal("uri", text) in {"san.invalid", "name.invalid", "name.ip"}


def test_a_secret_in_a_uri_is_not_repeated() -> None:
    refused = outcome("uri", "https://user:hunter2@example.org/")
    assert isinstance(refused, PKIError)
    assert "hunter2" not in refused.detail


def test_a_name_is_there_once() -> None:
    names = parse_alt_names(
        dns=["A", "a", "b"], ip=["::1", "0:0::1"], email=["a@B", "a@b"], uri=["urn:aa:b"] * 9
    )
    assert names == AltNames(("a", "b"), ("::1",), ("a@b",), ("urn:aa:b",))


def test_a_hundred_names_of_all_kinds_are_the_most() -> None:
    dns = [f"h{number}" for number in range(98)]
    assert len(parse_alt_names(dns=dns, ip=["10.0.0.1"], uri=["urn:aa:b"]).all()) == 100
    with pytest.raises(PKIError) as refused:
        parse_alt_names(dns=dns, ip=["10.0.0.1"], email=["a@b"], uri=["urn:aa:b"])
    assert (refused.value.code, refused.value.field) == ("name.too_many", "san.uri")
    assert refusal("dns", *(f"h{number}" for number in range(100_000))) == "name.too_many"


@pytest.mark.parametrize(
    "name",
    [
        x509.DirectoryName(x509.Name([])),
        x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x01a"),
        x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
    ],
    ids=lambda name: type(name).__name__,
)
def test_other_kinds_of_names_are_refused(name: x509.GeneralName) -> None:
    with pytest.raises(PKIError) as refused:
        from_general_names([x509.DNSName("a"), name])
    assert refused.value.code == "san.type"


def test_a_network_is_no_address() -> None:
    assert from_general_names([x509.IPAddress(ip_address("10.0.0.1"))]).ip == ("10.0.0.1",)
    for network in ("10.0.0.0/24", "10.0.0.1/32", "2001:db8::/64"):
        with pytest.raises(PKIError) as refused:
            from_general_names([x509.IPAddress(ip_network(network))])
        assert refused.value.field == "san.ip"


KINDS = st.sampled_from(["dns", "ip", "email", "uri"])
HOSTS = st.text("abAB019.-*_%[]:", max_size=12)
TEXTS = (
    st.text(max_size=20)
    | HOSTS
    | st.builds("{}@{}".format, st.text("aA1.!'+%\"@ ", max_size=5), HOSTS)
    | st.builds("{}://{}{}".format, st.text("aZ1+", max_size=3), HOSTS, st.text(max_size=9))
    | st.builds("{}://a{}".format, st.text("aZ1+", max_size=3), st.text("/?#%41@:a", max_size=9))
    | st.builds("urn:{}:{}".format, st.text("aZ-1", max_size=4), st.text("aZ%1:/?", max_size=5))
    | st.ip_addresses().map(str)
)


@given(KINDS, TEXTS)
def test_whatever_is_accepted_is_stable_and_can_be_certified(kind: str, text: str) -> None:
    parsed = outcome(kind, text)
    if isinstance(parsed, PKIError):
        assert parsed.code.startswith(("san.", "name."))
        assert parsed.detail.isprintable()
        return
    assert parsed.all()[0].isascii()
    assert parse_alt_names(**parsed.as_dict()) == parsed
    extension = x509.SubjectAlternativeName(parsed.general_names())
    assert from_general_names(extension) == parsed
    extension.public_bytes()
