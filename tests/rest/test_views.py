"""What every address of the API has in common."""

import pytest

from tests import factories
from tests.caller import Caller

pytestmark = pytest.mark.django_db


def test_answers_are_not_kept_by_caches_and_carry_the_request_id(owner: Caller) -> None:
    for path in ("/api/me", "/api/certificates", "/api/nobody", "/ready"):
        answer = owner.get(path, x_request_id="request-0815")
        assert answer["X-Request-ID"] == "request-0815"
        assert path == "/api/nobody" or answer["Cache-Control"] == "no-store"


def test_options_tells_the_methods(owner: Caller) -> None:
    answer = owner.client.options("/api/certificates/www.example.test")
    assert answer.status_code == 204
    assert answer["Allow"] == "GET, PATCH, DELETE, HEAD, OPTIONS"


def test_head_is_get_without_a_body(owner: Caller) -> None:
    factories.certificate()
    answer = owner.client.head("/api/certificates?limit=1")
    assert (answer.status_code, answer.content) == (200, b"")
    assert owner.client.head("/api/certificates?page=1").status_code == 400


def test_the_root_leads_to_the_admin(owner: Caller) -> None:
    assert owner.client.get("/")["Location"] == "/admin/"
