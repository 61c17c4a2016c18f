"""What anybody may fetch of an authority without signing in: its certificates and CRLs.

These addresses stand in all that it has signed.
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db.models import F
from django.db.models.functions import Length
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from certmate.pki.bundle import Bundle, to_pkcs7
from certmate.pki.inspect import pem_blocks
from providers import published
from providers.choices import KeyState
from providers.models import CRL, AuthorityKey
from providers.published import Published, answer, here, remembered
from providers.services.addresses import FRESH_FOR
from providers.services.signing import above

FORMS = {
    "cer": "application/pkix-cert",
    "pem": "application/x-pem-file",
    # RFC 5280 §4.2.2.1 has it for issuers: a certs-only message (RFC 8551 §3.8).
    "p7c": "application/pkcs7-mime; smime-type=certs-only",
}
REVOCATIONS = "application/pkix-crl"
DELTA_FRESH_FOR = timedelta(minutes=5)
"""Delta CRLs are small, and asked for by those who cannot wait for a full one."""


@require_safe
def current(request: HttpRequest, name: str, form: str) -> HttpResponseBase:
    """The certificate of the key that signs now; `p7c` has the CAs above it as well."""
    found = remembered(("ca", name, form), lambda: _certificate(form, name, state=KeyState.ACTIVE))
    return answer(request, found)


@require_safe
def of_key(request: HttpRequest, name: str, number: int, form: str) -> HttpResponseBase:
    """The certificate of one key, which is what certificates signed by it point to."""
    found = remembered(("ca", name, number, form), lambda: _certificate(form, name, number=number))
    return answer(request, found)


@require_safe
def crl(request: HttpRequest, name: str, shard: int) -> HttpResponseBase:
    """The newest CRL of the key that has this shard."""
    return answer(request, remembered(("crl", name, shard), lambda: _full(name, shard)))


@require_safe
def delta_crl(request: HttpRequest, name: str, shard: int) -> HttpResponseBase:
    """What has changed since the base, as the newest CRL of this shard has it."""
    return answer(request, remembered(("delta", name, shard), lambda: _delta(name, shard)))


@require_safe
def nothing(request: HttpRequest, name: str, rest: str) -> HttpResponseBase:
    """Whatever else is asked for below an authority."""
    return published.nothing()


def _certificate(form: str, name: str, **lookup: object) -> Published | None:
    keys = AuthorityKey.objects.filter(authority__name=name, **lookup).exclude(cert="")
    key = keys.only("cert", "outside_chain", "issuer_key", "activated_at").first()
    if key is None:
        return None
    if form == "p7c":
        content = to_pkcs7(Bundle(key.cert, "".join(above(key)), privkey=None))
    else:
        content = key.cert.encode() if form == "pem" else pem_blocks(key.cert)[0][1]
    tag = hashlib.sha256(content).hexdigest()[:32]
    return Published(
        **here(content),
        media_type=FORMS[form],
        tag=tag,
        changed_at=key.activated_at,
        fresh_for=FRESH_FOR,
    )


def _full(name: str, shard: int) -> Published | None:
    found = _newest(name, shard, "content", "next_update")
    if found is None:
        return None
    pk, number, begins, ends, size = found
    tag = f"{number:x}"
    return Published(_loader(pk, "content"), size, REVOCATIONS, tag, begins, FRESH_FOR, ends)


def _delta(name: str, shard: int) -> Published | None:
    found = _newest(name, shard, "delta", "delta_next_update")
    if found is None:
        return None
    pk, number, begins, ends, size = found
    if ends is None:
        return None
    tag = f"{number:x}-delta"
    return Published(_loader(pk, "delta"), size, REVOCATIONS, tag, begins, DELTA_FRESH_FOR, ends)


def _newest(name: str, shard: int, content: str, ends: str) -> tuple[Any, ...] | None:
    """Primary key, number, beginning, end and length in bytes."""
    rows = CRL.objects.filter(key__authority__name=name, shard=shard)
    # Numbers of different keys do not tell which of them the address belongs to.
    own = rows.filter(
        key__first_shard__lte=shard, key__first_shard__gt=shard - F("key__crl_shards")
    ).annotate(size=Length(content))
    return own.order_by("-number").values_list("pk", "number", "this_update", ends, "size").first()


def _loader(pk: int, content: str) -> Callable[[], bytes | None]:
    def load() -> bytes | None:
        found = CRL.objects.filter(pk=pk).values_list(content, flat=True).first()
        return None if found is None else bytes(found)

    return load
