"""Whatever anybody sends: an answer or a refusal as RFC 6960 has them, and nothing grows."""

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import hypothesis
import pytest
from cryptography.x509 import ocsp
from django.apps import apps
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from providers.models import Authority
from providers.services.ocsp import answering, producing, responders
from tests.providers.authority import making
from tests.providers.ocsp.asking import request_for

pytestmark = pytest.mark.django_db

EXAMPLES = int(os.environ.get("CERTMATE_TEST_EXAMPLES", "150"))
TYPES = st.sampled_from(
    ["application/ocsp-request", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)


def grown() -> tuple[int, ...]:
    """The sizes of whatever could grow with requests."""
    rows = [
        model._default_manager.count() for model in apps.get_app_config("providers").get_models()
    ]
    known = answering._known
    cached = (responders.certificate.cache_info(), responders.ids_of.cache_info())
    return (*rows, len(known.issuers) if known else 0, *(info.currsize for info in cached))


@dataclass(frozen=True)
class Mangled:
    """A request in which something was overwritten, and a way to send it."""

    seed: int
    at: int
    put: bytes
    by_get: bool
    kind: str
    tail: str

    def of(self, seeds: Sequence[bytes]) -> bytes:
        data = seeds[self.seed]
        return data[: self.at] + self.put + data[self.at + len(self.put) :]


MANGLED = st.builds(
    Mangled,
    seed=st.integers(0, 7),
    at=st.integers(0, 130),
    put=st.binary(max_size=3),
    by_get=st.booleans(),
    kind=TYPES,
    tail=st.sampled_from(["", "", "", "/", "=", "%", "\0", "é", "%2F%2F"]),
)


def send(data: bytes, mangled: Mangled) -> Any:
    if mangled.by_get:
        text = base64.b64encode(data).decode()
        return Client().get(f"/pki/root/ocsp/{text}{mangled.tail}")
    return Client().post(f"/pki/root/ocsp/{mangled.tail}", data, content_type=mangled.kind)


@pytest.fixture(params=[0, 1_000_000], ids=["ready", "live"])
def seeds(root: Authority, settings: Any, request: pytest.FixtureRequest) -> list[bytes]:
    """Requests to begin with; each has been answered once."""
    settings.CERTMATE_OCSP_LIVE = request.param
    signed = making.leaf(root)
    producing.produce_due()
    key, serial = signed.entry.key, int(signed.entry.serial, 16)
    made = [
        request_for(key, number, algorithm, nonce)
        for number in (serial, 5)
        for algorithm in ("sha1", "sha256")
        for nonce in (None, b"n" * 32)
    ]
    for data in made:
        send(data, Mangled(0, 0, b"", False, "", ""))
    return made


@hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(mangled=MANGLED)
def test_nothing_is_an_error_and_nothing_grows(seeds: list[bytes], mangled: Mangled) -> None:
    before = grown()
    answer = send(mangled.of(seeds), mangled)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/ocsp-response"
    told = ocsp.load_der_ocsp_response(answer.content).response_status
    assert told != ocsp.OCSPResponseStatus.INTERNAL_ERROR
    assert grown() == before
