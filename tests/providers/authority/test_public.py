"""What verifiers fetch: without a session, over plain http, and no more often than they have to."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from cachetools import TTLCache
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import resolve

from certmate.core import clock
from certmate.pki.inspect import pem_blocks, pem_of
from providers import public, published, services
from providers.models import Authority
from tests.cast import PASSWORD
from tests.providers.authority import making
from tests.providers.authority.making import SYSTEM

pytestmark = pytest.mark.django_db


@pytest.fixture
def root() -> Authority:
    made = making.root(crl_hours=2)
    services.publish_crls(actor=SYSTEM, authority=made)
    return made


def get(path: str, **headers: str) -> Any:
    return Client().get(path, headers=headers)


KINDS = {
    "ca.cer": "application/pkix-cert",
    "ca.pem": "application/x-pem-file",
    "ca.p7c": "application/pkcs7-mime; smime-type=certs-only",
    "ca/1.cer": "application/pkix-cert",
    "ca/1.pem": "application/x-pem-file",
    "ca/1.p7c": "application/pkcs7-mime; smime-type=certs-only",
    "crl/0.crl": "application/pkix-crl",
    "delta/0.crl": "application/pkix-crl",
}


@pytest.mark.parametrize("what", KINDS)
def test_anybody_gets_it_by_get_and_head_and_leaves_no_trace(root: Authority, what: str) -> None:
    path = f"/pki/root/{what}"
    with CaptureQueriesContext(connection) as asked:
        answer = get(path)
    assert len(asked) <= 2
    assert all(query["sql"].startswith("SELECT") for query in asked)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, KINDS[what])
    assert not answer.cookies
    assert "Vary" not in answer.headers
    head = Client().head(path)
    assert (head.status_code, head.content) == (200, b"")
    for header in ("ETag", "Last-Modified", "Content-Length", "Content-Type"):
        assert head.headers[header] == answer.headers[header]
    for method in ("post", "put", "patch", "delete"):
        assert getattr(Client(), method)(path).status_code == 405


@pytest.mark.parametrize("what", KINDS)
def test_who_has_it_already_is_told_so(root: Authority, what: str) -> None:
    path = f"/pki/root/{what}"
    first = get(path)
    tag, at = first.headers["ETag"], first.headers["Last-Modified"]
    earlier = format_datetime(parsedate_to_datetime(at) - timedelta(seconds=1), usegmt=True)
    for headers in ({"If-None-Match": tag}, {"If-None-Match": "*"}, {"If-Modified-Since": at}):
        known = get(path, **headers)
        assert (known.status_code, known.content) == (304, b"")
        for header in ("ETag", "Last-Modified", "Cache-Control"):
            assert known.headers[header] == first.headers[header]
    for headers in (
        {"If-None-Match": '"another"'},
        {"If-Modified-Since": earlier},
        {"If-None-Match": '"another"', "If-Modified-Since": at},
    ):
        assert get(path, **headers).content == first.content


def test_a_cache_keeps_a_crl_no_longer_than_it_is_valid(
    root: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seconds() -> int:
        control = get("/pki/root/crl/0.crl").headers["Cache-Control"]
        public, age, *rest = control.split(", ")
        assert (public, rest) == ("public", ["no-transform", "must-revalidate"])
        return int(age.removeprefix("max-age="))

    assert seconds() == 3600
    begin = clock.now()
    monkeypatch.setattr(clock, "now", lambda: begin + timedelta(hours=2, minutes=-10))
    assert 590 <= seconds() <= 600
    monkeypatch.setattr(clock, "now", lambda: begin + timedelta(hours=3))
    assert seconds() == 0


def test_the_files_are_those_of_the_key_that_signed(root: Authority, tmp_path: Path) -> None:
    signed = making.leaf(root)
    services.rotate_authority(actor=SYSTEM, authority=root)
    services.revoke_entry(actor=SYSTEM, entry=signed.entry)
    services.publish_crls(actor=SYSTEM, authority=root)
    old, new = (get(f"/pki/root/ca/{number}.cer").content for number in (1, 2))
    assert old != new
    assert get("/pki/root/ca.cer").content == new
    pem = get("/pki/root/ca.pem").content.decode()
    assert pem_blocks(pem)[0][1] == new
    assert b"/pki/root/ca/1.cer" in signed.der
    crl = pem_of(get("/pki/root/crl/0.crl").content, "X509 CRL")
    making.write(tmp_path, old_pem=pem_of(old), leaf_pem=signed.cert, old_crl=crl)
    _, said = making.run(
        *("openssl", "verify", "-crl_check", "-CAfile", "old.pem", "-CRLfile", "old.crl"),
        "leaf.pem",
        folder=tmp_path,
    )
    assert "certificate revoked" in said


def test_the_certs_only_file_has_the_whole_chain(root: Authority, tmp_path: Path) -> None:
    making.intermediate()
    making.write(tmp_path, chain_p7c=get("/pki/issuing/ca.p7c").content)
    is_read, said = making.run(
        *("openssl", "pkcs7", "-inform", "DER", "-in", "chain.p7c", "-print_certs", "-noout"),
        folder=tmp_path,
    )
    assert is_read
    subjects = {line for line in said.splitlines() if line.startswith("subject")}
    assert subjects == {
        "subject=O = Example, CN = Test issuing",
        "subject=O = Example, CN = Test root",
    }


@pytest.mark.parametrize("what", KINDS)
def test_what_was_asked_for_just_now_takes_no_query(
    root: Authority, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    memory: TTLCache[Any, Any] = TTLCache(
        100_000, 2, timer=lambda: now, getsizeof=lambda one: one.size
    )
    monkeypatch.setattr(published, "_memory", memory)
    path = f"/pki/root/{what}"
    first = get(path)
    with CaptureQueriesContext(connection) as asked:
        again = get(path)
        assert get(path, **{"If-None-Match": first.headers["ETag"]}).status_code == 304
    assert not asked.captured_queries
    assert (again.content, again.headers) == (first.content, first.headers)
    services.publish_crls(actor=SYSTEM, authority=root)
    now = 2.1
    assert (get(path).content == first.content) == what.startswith("ca")
    get("/pki/nobody/ca.cer")
    assert len(memory) == 1, "what is not there is not remembered"


def test_a_large_file_is_read_for_those_alone_who_get_it(
    root: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "LARGE", 100)
    path = "/pki/root/crl/0.crl"
    with CaptureQueriesContext(connection) as asked:
        first = get(path)
        head = Client().head(path)
        known = get(path, **{"If-None-Match": first.headers["ETag"]})
    assert (head.content, known.status_code) == (b"", 304)
    assert head.headers["Content-Length"] == str(len(first.content))
    read = [
        query["sql"]
        for query in asked
        if query["sql"].startswith('SELECT "providers_crl"."content"')
    ]
    assert len(read) == 1


def test_a_file_that_is_replaced_while_it_is_read_is_asked_for_again(
    root: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "LARGE", 100)
    monkeypatch.setattr(public, "_loader", lambda *_: lambda: None)
    answer = get("/pki/root/crl/0.crl")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


def test_the_newest_crl_is_served(root: Authority) -> None:
    first = get("/pki/root/crl/0.crl")
    services.publish_crls(actor=SYSTEM, authority=root)
    second = get("/pki/root/crl/0.crl", **{"If-None-Match": first.headers["ETag"]})
    assert second.status_code == 200
    assert second.headers["ETag"] != first.headers["ETag"]


@pytest.mark.parametrize(
    "path",
    [
        *("nobody/ca.cer", "nobody/ca.pem", "nobody/ca/1.cer", "nobody/crl/0.crl"),
        *("outside/ca.cer", "outside/ca.pem", "outside/ca/1.cer", "outside/crl/0.crl"),
        *("root/ca/2.cer", "root/crl/1.crl", "root/ca/99999999999999999999.cer"),
        *("root/crl/99999999999999999999.crl", "ROOT/ca.cer", "%00/ca.cer"),
    ],
)
def test_what_is_not_there_is_told_in_plain_text(root: Authority, path: str) -> None:
    making.intermediate("outside", "")
    answer = get(f"/pki/{path}")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "text/plain"
    assert not answer.cookies


def test_a_disabled_authority_is_still_published(root: Authority) -> None:
    services.update_authority(actor=SYSTEM, authority=root, disabled=True)
    for what in KINDS:
        assert get(f"/pki/root/{what}").status_code == 200


def test_plain_http_is_not_redirected(root: Authority, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert get("/pki/root/ca.cer").status_code == 200
    assert get("/api/me").status_code == 301


def test_a_session_is_not_looked_at(root: Authority, settings: Any) -> None:
    """Not even that of somebody who has to set up a second factor before all else."""
    User.objects.create_superuser("ada", password=PASSWORD)
    client = Client()
    client.login(username="ada", password=PASSWORD)
    settings.CERTMATE_SECOND_FACTOR_ROLES = ("superuser",)
    with CaptureQueriesContext(connection) as asked:
        answer = client.get("/pki/root/crl/0.crl")
    assert answer.status_code == 200
    assert len(asked) <= 2
    assert client.get("/admin/").status_code == 302


def test_a_strange_date_is_no_date(root: Authority) -> None:
    for date in ("yesterday", "", str(datetime.now(UTC))):
        answer = get("/pki/root/ca.cer", **{"If-Modified-Since": date})
        assert answer.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        *("%00/ca.cer", "ROOT/ca.pem", "a b/ca/1.cer", "%00/crl/0.crl", f"{'a' * 101}/ca.cer"),
        *("root/ca/9999999999.cer", "root/crl/9999999999.crl", f"root/crl/{'9' * 5000}.crl"),
        *("root/crl/-1.crl", "root/crl/0.crl%00"),
    ],
)
def test_what_is_no_name_or_number_does_not_reach_the_database(root: Authority, path: str) -> None:
    with CaptureQueriesContext(connection) as asked:
        answer = get(f"/pki/{path}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/plain")
    assert not asked.captured_queries


def test_a_certificate_may_be_called_as_the_public_files_are() -> None:
    assert resolve("/pki/tls").func is not public.nothing
