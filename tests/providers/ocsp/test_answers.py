"""What clients are told over HTTP, and what caches may do with it."""

import base64
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509 import ocsp
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from certmate.core import clock
from certmate.pki.inspect import pem_blocks
from providers import services
from providers.choices import EntryState
from providers.models import Authority, LedgerEntry, Responder
from providers.services.ocsp import answering, producing, responders
from tests.providers.authority import making
from tests.providers.authority.making import PASSPHRASE, SYSTEM
from tests.providers.ocsp.asking import ask, request_for, send, told

pytestmark = pytest.mark.django_db

BOTH = pytest.mark.parametrize("by_get", [False, True], ids=["POST", "GET"])
ALGORITHMS = pytest.mark.parametrize("algorithm", ["sha1", "sha256"])


def refusal(authority: Authority, data: bytes) -> str:
    answer = send(authority, data)
    assert answer.headers["Cache-Control"] == "no-store"
    return told(making.key_of(authority), answer).status


@BOTH
@ALGORITHMS
def test_a_certificate_is_good_until_it_is_revoked(
    root: Authority, algorithm: str, by_get: bool
) -> None:
    signed = making.leaf(root)
    producing.produce_due()
    good = ask(signed, algorithm, by_get=by_get)
    assert good.status == "good"
    services.revoke_entry(actor=SYSTEM, entry=signed.entry, reason="superseded")
    assert ask(signed, algorithm, by_get=by_get).status == "tryLater", "the old answer is wrong"
    producing.produce_due()
    revoked = ask(signed, algorithm, by_get=by_get)
    assert revoked.status == "revoked"
    (one,) = revoked.response.responses
    assert one.revocation_reason == x509.ReasonFlags.superseded
    revocation = making.entry(signed).revocation
    assert one.revocation_time_utc == revocation.revoked_at.replace(microsecond=0)
    assert (one.serial_number, one.hash_algorithm.name) == (int(signed.entry.serial, 16), algorithm)


@ALGORITHMS
def test_a_hold_ends_with_its_release(root: Authority, algorithm: str) -> None:
    signed = making.leaf(root)
    services.revoke_entry(actor=SYSTEM, entry=signed.entry, reason="certificateHold")
    producing.produce_due()
    held = ask(signed, algorithm)
    assert held.status == "revoked"
    (one,) = held.response.responses
    assert one.revocation_reason == x509.ReasonFlags.certificate_hold
    services.release_entry(actor=SYSTEM, entry=signed.entry)
    assert ask(signed, algorithm).status == "tryLater"
    producing.produce_due()
    assert ask(signed, algorithm).status == "good"


def test_every_reason_is_told_but_unspecified(root: Authority) -> None:
    wanted = {
        "unspecified": None,
        "keyCompromise": "key_compromise",
        "affiliationChanged": "affiliation_changed",
        "cessationOfOperation": "cessation_of_operation",
        "privilegeWithdrawn": "privilege_withdrawn",
    }
    signed = {reason: making.leaf(root) for reason in wanted}
    for reason, one in signed.items():
        services.revoke_entry(actor=SYSTEM, entry=one.entry, reason=reason)
    producing.produce_due()
    for reason, name in wanted.items():
        (told_,) = ask(signed[reason]).response.responses
        found = told_.revocation_reason
        assert (found.name if found else None) == name


def test_certificates_name_the_address_unless_nobody_answers(root: Authority) -> None:
    url = b"http://127.0.0.1:8000/pki/root/ocsp"
    assert url in making.leaf(root).der
    below = making.key_of(making.intermediate())
    assert url in pem_blocks(below.cert)[0][1]
    services.update_authority(actor=SYSTEM, authority=root, ocsp_hours=0)
    root.refresh_from_db()
    assert url not in making.leaf(root).der


def test_an_answer_takes_one_query_and_leaves_no_trace(root: Authority) -> None:
    signed = making.leaf(root)
    producing.produce_due()
    ask(signed)
    data = request_for(signed.entry.key, int(signed.entry.serial, 16))
    with CaptureQueriesContext(connection) as asked:
        answer = send(root, data)
    assert [query["sql"].split()[0] for query in asked] == ["SELECT"]
    assert not answer.cookies
    assert "Vary" not in answer.headers


@BOTH
def test_caches_are_told_how_long_it_is_good(
    root: Authority, by_get: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = making.leaf(root)
    producing.produce_due()
    told_ = ask(signed, by_get=by_get)
    headers, (one,) = told_.http.headers, told_.response.responses
    assert headers["ETag"] == f'"{sha256(told_.http.content).hexdigest()}"'
    assert parsedate_to_datetime(headers["Last-Modified"]) == one.this_update_utc
    assert parsedate_to_datetime(headers["Expires"]) == one.next_update_utc
    control = "public, max-age={}, no-transform, must-revalidate"
    assert headers["Cache-Control"] == control.format(3600)
    assert one.next_update_utc - one.this_update_utc == timedelta(hours=96)
    assert told_.response.produced_at_utc == one.this_update_utc
    monkeypatch.setattr(clock, "now", lambda: one.next_update_utc - timedelta(seconds=90))
    late = send(root, request_for(signed.entry.key, int(signed.entry.serial, 16)))
    assert late.headers["Cache-Control"] == control.format(90)
    monkeypatch.setattr(clock, "now", lambda: one.next_update_utc)
    assert ask(signed, by_get=by_get).status == "tryLater", "what is over is given to nobody"


def test_who_has_it_already_is_told_so(root: Authority) -> None:
    signed = making.leaf(root)
    producing.produce_due()
    tag = ask(signed, by_get=True).http.headers["ETag"]
    data = base64.urlsafe_b64encode(request_for(signed.entry.key, int(signed.entry.serial, 16)))
    path = f"/pki/root/ocsp/{data.decode()}"
    known = Client().get(path, headers={"If-None-Match": tag})
    assert (known.status_code, known.content, known.headers["ETag"]) == (304, b"", tag)
    assert "Expires" in known.headers
    head = Client().head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["ETag"] == tag
    assert int(head.headers["Content-Length"]) > 500
    services.revoke_entry(actor=SYSTEM, entry=signed.entry)
    producing.produce_due()
    assert Client().get(path, headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options"])
def test_other_methods_are_refused(root: Authority, method: str) -> None:
    answer = getattr(Client(), method)("/pki/root/ocsp")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, POST")


def test_ways_in_which_clients_write_a_request_into_the_path(root: Authority) -> None:
    signed = making.leaf(root)
    producing.produce_due()
    key, serial = signed.entry.key, int(signed.entry.serial, 16)
    wanted = ask(signed).http.content
    # Some nonce makes each of the letters turn up that are written in different ways.
    for n in range(256):
        data = request_for(key, serial, nonce=bytes([n]) * 3)
        text = base64.b64encode(data).decode()
        if "+" in text and "/" in text and text.endswith("="):
            break
    quoted = text.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    for written in (
        text,
        f"/{text}",
        text.rstrip("="),
        text.replace("+", "-").replace("/", "_"),
        text.replace("+", "%20"),
        quoted,
        quoted.replace("%", "%25"),
    ):
        assert Client().get(f"/pki/root/ocsp/{written}").content == wanted, written


def test_what_is_no_request_is_malformed(root: Authority) -> None:
    key = making.key_of(root)
    good = request_for(key, 5)
    for data in (b"", b"0", b"\0" * 50, good[:-1], good + b"\0", good * 60, b"0" * 5000):
        assert refusal(root, data) == "malformedRequest", data
    for text in ("", "/", "%", "not base64!", "MAo", "M" * 9000, "MAoCAQE="):
        answer = Client().get(f"/pki/root/ocsp/{text}")
        assert told(key, answer).status == "malformedRequest", text
    critical = ocsp.load_der_ocsp_request(good)
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        critical.issuer_name_hash, critical.issuer_key_hash, 5, critical.hash_algorithm
    )
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0")
    from cryptography.hazmat.primitives.serialization import Encoding

    for is_critical, wanted in ((True, "malformedRequest"), (False, "unauthorized")):
        data = builder.add_extension(unknown, is_critical).build().public_bytes(Encoding.DER)
        assert refusal(root, data) == wanted


@pytest.mark.parametrize("length", [0, 129])
def test_a_nonce_has_1_to_128_octets(root: Authority, length: int) -> None:
    data = request_for(making.key_of(root), 5, nonce=b"n" * length)
    assert refusal(root, data) == "malformedRequest"


def test_a_nonce_is_left_out_of_what_was_made_before(root: Authority) -> None:
    signed = making.leaf(root)
    producing.produce_due()
    for length in (1, 32, 128):
        with_nonce = ask(signed, nonce=b"n" * length)
        assert with_nonce.status == "good"
        assert list(with_nonce.response.extensions) == []
        assert with_nonce.http.content == ask(signed).http.content


def test_nobody_is_answered_about_what_is_not_in_the_ledger(root: Authority) -> None:
    producing.produce_due()
    key = making.key_of(root)
    for serial in (0, 1, 5, -5, 2**159, 2**3000):
        assert refusal(root, request_for_any(key, serial)) == "unauthorized", serial


def request_for_any(key: Any, serial: int) -> bytes:
    """Also one with a serial number that no certificate may have."""
    from certmate.pki import der

    plain = request_for(key, 0x1234)
    marker = bytes.fromhex("02021234")
    assert plain.count(marker) == 1
    number = serial.to_bytes(
        (serial if serial >= 0 else ~serial).bit_length() // 8 + 1, signed=True
    )
    # Rebuilt from the inside: four sequences begin before the number.
    content = plain[plain.index(bytes.fromhex("300d0609")) : -len(marker)]
    made = content + der.encoded(0x02, number)
    for _ in range(5):
        made = der.encoded(der.SEQUENCE, made)
    return made


def test_another_issuer_is_answered_for_at_its_own_address(root: Authority) -> None:
    other = making.root("other")
    signed = making.leaf(root)
    producing.produce_due()
    data = request_for(signed.entry.key, int(signed.entry.serial, 16))
    assert told(signed.entry.key, send(root, data)).status == "good"
    assert refusal(other, data) == "unauthorized"
    assert Client().post("/pki/nobody/ocsp", data, content_type="x/y").content.hex() == "30030a0106"


def test_what_is_being_signed_or_due_is_answered_for_later(root: Authority) -> None:
    signed = making.leaf(root, keep=False)
    producing.produce_due()
    assert making.entry(signed).state == EntryState.INTENDED
    assert ask(signed).status == "tryLater"
    kept = making.leaf(root)
    assert ask(kept).status == "tryLater"


def test_who_needs_a_passphrase_has_no_responder(root: Authority) -> None:
    offline = making.root("offline", passphrase=PASSPHRASE)
    assert not offline.has_ocsp
    producing.produce_due()
    entry = LedgerEntry.objects.get(authority=offline)
    assert ask(entry).status == "unauthorized"
    assert entry.answer_due_at is None


def test_several_certificates_at_once_are_not_answered_from_what_is_ready(root: Authority) -> None:
    signed = [making.leaf(root) for _ in range(2)]
    producing.produce_due()
    both = several([one.entry for one in signed])
    assert refusal(root, both) == "unauthorized"
    twice = several([signed[0].entry] * 2)
    assert told(signed[0].entry.key, send(root, twice)).status == "good"


def several(entries: list[LedgerEntry], nonce: bytes | None = None) -> bytes:
    """One request about all of them."""
    from certmate.pki import der

    singles = b""
    for entry in entries:
        plain = request_for(entry.key, int(entry.serial, 16))
        # OCSPRequest, TBSRequest and requestList have one octet of length each here.
        singles += plain[6:]
    extensions = b""
    if nonce is not None:
        text = bytes.fromhex("06092b0601050507300102") + der.encoded(4, der.encoded(4, nonce))
        extensions = der.encoded(0xA2, der.encoded(0x30, der.encoded(0x30, text)))
    return der.encoded(0x30, der.encoded(0x30, der.encoded(0x30, singles) + extensions))


class TestLive:
    @pytest.fixture(autouse=True)
    def _live(self, settings: Any) -> None:
        settings.CERTMATE_OCSP_LIVE = 1000

    @BOTH
    @ALGORITHMS
    def test_a_nonce_comes_back(self, root: Authority, algorithm: str, by_get: bool) -> None:
        signed = making.leaf(root)
        producing.produce_due()
        for length in (1, 32, 128):
            nonce = bytes(range(length))
            answer = ask(signed, algorithm, nonce=nonce, by_get=by_get)
            assert answer.status == "good"
            (extension,) = answer.response.extensions
            assert extension.value == x509.OCSPNonce(nonce)
            assert answer.http.headers["Cache-Control"] == "no-store"
            assert "ETag" not in answer.http.headers

    def test_what_is_ready_is_taken_where_it_does(self, root: Authority) -> None:
        signed = making.leaf(root)
        producing.produce_due()
        assert ask(signed).http.content == ask(signed).http.content
        assert "ETag" in ask(signed).http.headers

    def test_a_revocation_counts_at_once(self, root: Authority) -> None:
        signed = making.leaf(root)
        producing.produce_due()
        services.revoke_entry(actor=SYSTEM, entry=signed.entry)
        assert ask(signed).status == "revoked"
        assert ask(signed, nonce=b"x").status == "revoked"

    def test_what_was_never_issued_is_unknown(self, root: Authority) -> None:
        producing.produce_due()
        key = making.key_of(root)
        for serial in (0, 5, -5, -129, 2**159):
            answer = told(key, send(root, request_for_any(key, serial)))
            assert answer.status == "unknown"
            assert next(answer.response.responses).serial_number == serial

    def test_several_certificates_get_one_answer(self, root: Authority) -> None:
        entries = [making.leaf(root).entry for _ in range(3)]
        services.revoke_entry(actor=SYSTEM, entry=entries[1])
        producing.produce_due()
        answer = told(entries[0].key, send(root, several(entries, nonce=b"n" * 32)))
        found = [(one.serial_number, one.certificate_status) for one in answer.response.responses]
        status = ocsp.OCSPCertStatus
        wanted = [status.GOOD, status.REVOKED, status.GOOD]
        assert found == [(int(e.serial, 16), s) for e, s in zip(entries, wanted, strict=True)]

    def test_issuers_are_not_mixed(self, root: Authority) -> None:
        below = making.intermediate()
        producing.produce_due()
        entries = [making.leaf(root).entry, making.leaf(below).entry]
        assert refusal(root, several(entries)) == "unauthorized"

    def test_what_has_expired_or_is_being_signed_is_refused(
        self, root: Authority, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        producing.produce_due()
        signing = making.leaf(root, keep=False)
        assert ask(signing, nonce=b"x").status == "tryLater"
        signed = making.leaf(root)
        over = signed.entry.not_after
        monkeypatch.setattr(clock, "now", lambda: over)
        producing.produce_due()
        assert ask(signed, nonce=b"x").status == "unauthorized"

    def test_without_a_responder_it_says_later(self, root: Authority) -> None:
        signed = making.leaf(root)
        assert ask(signed, nonce=b"x").status == "tryLater"

    def test_beyond_the_limit_it_is_as_if_it_were_off(self, root: Authority, settings: Any) -> None:
        signed = making.leaf(root)
        producing.produce_due()
        settings.CERTMATE_OCSP_LIVE = 1
        asked = [ask(signed, nonce=b"x") for _ in range(3)]
        assert [len(one.response.extensions) for one in asked[1:]] == [0, 0]
        assert refusal(root, several([signed.entry, entry_of_root(root)])) == "tryLater"

    def test_a_key_that_cannot_be_opened_is_our_fault(self, root: Authority) -> None:
        signed = making.leaf(root)
        producing.produce_due()
        responder = Responder.objects.get(key__authority=root)
        responder.private_key = {"pem": "none"}
        responder.save()
        assert ask(signed, nonce=b"x").status == "internalError"


def entry_of_root(root: Authority) -> LedgerEntry:
    return LedgerEntry.objects.get(authority=root, kind="ca")


def test_no_key_is_opened_unless_it_is_turned_on(
    root: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = making.leaf(root)
    producing.produce_due()

    def opened(key_id: object) -> None:
        raise AssertionError("a key was asked for")

    monkeypatch.setattr(responders, "opened", opened)
    assert ask(signed, nonce=b"x").status == "good"
    assert ask(entry_of_root(root)).status == "good"


def test_an_issuer_that_comes_later_is_found_and_one_that_is_not_is_not_looked_for(
    root: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = [datetime.now(UTC)]
    monkeypatch.setattr(clock, "now", lambda: at[0])
    signed = making.leaf(root)
    producing.produce_due()
    assert ask(signed).status == "good"
    later = making.root("later")
    producing.produce_due()
    entry = entry_of_root(later)
    data = request_for(entry.key, int(entry.serial, 16))
    assert told(entry.key, send(later, data)).status == "unauthorized"
    with CaptureQueriesContext(connection) as asked:
        send(later, data)
    assert len(asked) == 0
    at[0] += answering.LOOK_AGAIN_AFTER + timedelta(milliseconds=1)
    assert told(entry.key, send(later, data)).status == "good"
    services.update_authority(actor=SYSTEM, authority=later, ocsp_hours=0)
    at[0] += answering.KNOWN_FOR + timedelta(milliseconds=1)
    assert told(entry.key, send(later, data)).status == "unauthorized"
