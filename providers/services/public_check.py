"""Our own public addresses, fetched as verifiers fetch them: over the network, and believed no more
than a verifier would believe them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import requests

from certmate.core import clock
from certmate.pki import crl as pki
from certmate.pki.errors import PKIError
from certmate.pki.inspect import pem_blocks
from certmate.pki.issue import Issuer
from certmate.pki.ocsp import client as ocsp
from providers.choices import EntryKind
from providers.models import CRL, AuthorityKey, LedgerEntry, Revocation
from providers.services import addresses
from providers.services.addresses import FRESH_FOR
from providers.services.signing import issuing

OCSP_REQUEST = "application/ocsp-request"
TIMEOUT = (5, 20)
"""Seconds to connect, and between two parts of the answer."""
LONGEST = 256 * 1024 * 1024
"""Bytes of an answer; a CRL of a million entries has a fifth of that."""


@dataclass(frozen=True)
class Checked:
    """One address; `fault` is empty if what is there is right."""

    url: str
    fault: str = ""


def check_public(name: str = "") -> Iterator[Checked]:
    """Fetch what all authorities, or the one of this name, publish with keys that are valid, and
    ask about the newest certificate of each that is answered for.
    """
    keys = AuthorityKey.objects.exclude(cert="").filter(not_after__gt=clock.now())
    if name:
        keys = keys.filter(authority__name=name)
    with requests.Session() as session:
        for key in keys.select_related("authority").order_by("authority__name", "number"):
            yield from _check_key(session, key)


def _check_key(session: requests.Session, key: AuthorityKey) -> Iterator[Checked]:
    issuer = issuing(key).issuer
    yield _checked(session, addresses.ca_url(key), partial(_is_certificate, key))
    for shard in key.shards:
        judge = partial(_is_crl, key, shard, issuer, is_delta=False)
        yield _checked(session, addresses.crl_url(key, shard), judge)
        if key.authority.has_delta_crls:
            judge = partial(_is_crl, key, shard, issuer, is_delta=True)
            yield _checked(session, addresses.delta_crl_url(key, shard), judge)

    answered = LedgerEntry.objects.filter(ocsp_response__key=key).exclude(kind=EntryKind.OCSP)
    entry = answered.order_by("-pk").first()
    if entry is not None:
        asked = ocsp.request(issuer, int(entry.serial, 16))
        judge = partial(_is_answer, entry, issuer)
        yield _checked(session, addresses.ocsp_url(key), judge, asked)


def _checked(
    session: requests.Session, url: str, judge: Callable[[bytes], str], asked: bytes | None = None
) -> Checked:
    method, media_type = ("GET", None) if asked is None else ("POST", OCSP_REQUEST)
    try:
        answer = session.request(
            method,
            url,
            data=asked,
            headers={"Content-Type": media_type},
            timeout=TIMEOUT,
            allow_redirects=False,
            stream=True,
        )
        content = _read(answer)
    except requests.RequestException as error:
        return Checked(url, f"It cannot be reached ({type(error).__name__}).")
    if answer.status_code != 200:
        return Checked(url, f"It answers with {answer.status_code} instead of 200.")
    if content is None:
        return Checked(url, f"It has more than {LONGEST} bytes.")
    return Checked(url, judge(content))


def _read(answer: requests.Response) -> bytes | None:
    with answer:
        content = b""
        for part in answer.iter_content(1024 * 1024):
            content += part
            if len(content) > LONGEST:
                return None
        return content


def _is_certificate(key: AuthorityKey, content: bytes) -> str:
    is_same = content == pem_blocks(key.cert)[0][1]
    return "" if is_same else "What is there is not the certificate of this key."


def _is_answer(entry: LedgerEntry, issuer: Issuer, content: bytes) -> str:
    try:
        told = ocsp.read(content, issuer)
    except PKIError as error:
        return error.detail
    if told.next_update is None or told.next_update <= clock.now():
        return "Its OCSP answer is out of date."
    wanted = "revoked" if Revocation.objects.filter(entry=entry).exists() else "good"
    if (told.serial, told.status) != (int(entry.serial, 16), wanted):
        return f"Of {entry.serial} it says {told.status}, which is {wanted}."
    return ""


def _is_crl(
    key: AuthorityKey, shard: int, issuer: Issuer, content: bytes, *, is_delta: bool
) -> str:
    try:
        read = pki.read_crl(content, issuer)
    except PKIError as error:
        return error.detail
    if read.next_update <= clock.now():
        return f"It is out of date since {read.next_update:%Y-%m-%d %H:%M} UTC."
    if (read.base_number is not None) != is_delta:
        return f"It is {'a full CRL' if is_delta else 'a delta CRL'}."
    newest = CRL.objects.filter(key=key, shard=shard).order_by("-number")
    number, published_at = newest.values_list("number", "this_update").first() or (0, clock.now())
    # A cache may have the one before it for as long as we have told it to.
    is_late = read.number < number and published_at < clock.now() - FRESH_FOR
    if read.number > number or is_late:
        return f"Its number is {read.number}; the newest is {number}."
    return ""
