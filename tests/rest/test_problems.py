"""Whatever goes wrong is a problem document, and nothing is told of what nobody expected."""

import logging

import pytest
from pytest_django import Settings

from certmate.core.errors import IntegrityFault, UpstreamUnavailable
from certmate.rest.problems import of_error
from tests.caller import Caller, problem

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[1, 2",
        '{"a": NaN}',
        '{"domain": "a.example.test", "domain": "b.example.test"}',
        b"\xff\xfe",
        "[" * 100_000,
        '{"a": ' + "1" * 5000 + "}",
    ],
    ids=["cut", "list", "nan", "twice", "not utf-8", "deep", "long number"],
)
def test_a_body_that_is_no_json_is_malformed(owner: Caller, body: str | bytes) -> None:
    problem(owner.send("POST", "/api/certificates", body), 400, "request.malformed")


@pytest.mark.parametrize("body", ["[]", '"text"', "null", "7"])
def test_a_body_that_is_no_object_is_invalid(owner: Caller, body: str) -> None:
    problem(owner.send("POST", "/api/ca-accounts", body), 400, "request.invalid")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "text/json"])
def test_only_json_is_taken(owner: Caller, kind: str) -> None:
    answer = owner.send("POST", "/api/certificates", "domain=x", content_type=kind)
    problem(answer, 415, "request.media_type")


def test_a_charset_does_not_make_json_another_type(owner: Caller) -> None:
    answer = owner.send("POST", "/api/ca-accounts", "{}", "application/json; charset=utf-8")
    assert set(problem(answer, 400, "request.invalid")["errors"]) == {"name", "provider"}


def test_a_body_above_the_limit_is_refused_before_it_is_read_whole(
    owner: Caller, settings: Settings
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = owner.post("/api/certificates", domain="x" * 1000)
    problem(answer, 413, "request.too_large")


@pytest.mark.parametrize("half", ["\\ud800", "\\udfff", "\\ude00\\ud83d"])
def test_half_a_character_is_not_repeated(owner: Caller, half: str) -> None:
    body = '{"domain": "a.example.test", "key_type": "' + half + '"}'
    answer = owner.send("POST", "/api/certificates", body)
    assert "?" in problem(answer, 400, "request.invalid")["errors"]["key_type"][0]


def test_another_method_is_told_with_those_that_are_allowed(owner: Caller) -> None:
    answer = owner.put("/api/orders")
    problem(answer, 405, "request.method")
    assert answer["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", ["/api/nothing", "/api/", "/api/certificates/", "/api/orders/abc"])
def test_an_unknown_address_of_the_api_is_a_problem_document(owner: Caller, path: str) -> None:
    problem(owner.get(path), 404, "request.not_found")


def test_an_unknown_page_is_html_unless_json_is_asked_for(owner: Caller) -> None:
    assert owner.get("/nothing")["Content-Type"].startswith("text/html")
    problem(owner.get("/nothing", accept="application/json"), 404, "request.not_found")


def test_unknown_query_parameters_are_named(owner: Caller) -> None:
    document = problem(
        owner.get("/api/certificates?sort=name&page=2"), 400, "request.unknown_parameter"
    )
    assert set(document["errors"]) == {"sort", "page"}
    problem(owner.get("/api/me?x=1"), 400, "request.unknown_parameter")


def test_a_fault_of_certmate_says_nothing_about_itself(
    owner: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("canary-of-the-inside")

    monkeypatch.setattr("certmate.rest.access.me.MeOutput.represent", fail)
    with caplog.at_level(logging.ERROR):
        answer = owner.get("/api/me")
    document = problem(answer, 500, "internal")
    assert "canary" not in answer.content.decode()
    assert "canary-of-the-inside" in caplog.text
    assert "errors" not in document


def test_our_own_errors_keep_their_words_and_their_wait() -> None:
    from datetime import timedelta

    error = UpstreamUnavailable(
        "Later.", retry_after=timedelta(seconds=1.2), identifiers={"a.test": "no"}
    )
    told = of_error(error)
    assert told.status == 503
    assert told.headers() == {"Retry-After": "2"}
    assert told.document()["identifiers"] == {"a.test": "no"}
    assert told.document()["retry_after"] == 2
    assert of_error(IntegrityFault("Damaged.", code="storage.damaged")).status == 500
