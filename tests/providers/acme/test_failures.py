"""Problems of the child, turned into errors: pure, without a server."""

import re
from datetime import timedelta
from typing import Any

import pytest

from certmate.core.errors import Deferred, UpstreamRejected, UpstreamUnavailable
from providers.acme import failures
from providers.acme.failures import FAILURES, REMEDIES, to_error
from providers.acme.remedies import Failure

URN = "urn:ietf:params:acme:error:"


def said(name: str, kind: str, challenge: str = "http-01") -> dict[str, str]:
    return {
        "identifier": name,
        "type": URN + kind,
        "detail": f"about {name}",
        "challenge": challenge,
    }


@pytest.mark.parametrize(("code", "failure"), FAILURES.items())
def test_every_code_has_a_remedy_in_sentences(code: str, failure: Failure) -> None:
    assert re.fullmatch(r"acme\.[a-z_]+", code)
    assert failure.error in (UpstreamRejected, UpstreamUnavailable, Deferred)
    assert failure.summary
    assert failure.summary[-1] in ".:"
    assert REMEDIES[code] == failure.remedy
    assert failure.remedy.endswith(".")
    assert failure.remedy[0].isupper()
    assert len(failure.remedy) > 40


def test_every_code_of_the_tables_is_known() -> None:
    named = {*failures._TYPES.values(), *failures._KINDS.values()}
    named |= {code for _, code in failures._DNS_WORDS}
    assert named <= FAILURES.keys()


@pytest.mark.parametrize(
    ("kind", "code", "retryable"),
    [
        ("rateLimited", "acme.rate_limited", True),
        ("serverInternal", "acme.server_error", True),
        ("badNonce", "acme.server_error", True),
        ("caa", "acme.caa", False),
        ("rejectedIdentifier", "acme.rejected_identifier", False),
        ("badCSR", "acme.bad_csr", False),
        ("accountDoesNotExist", "acme.account_missing", False),
        ("externalAccountRequired", "acme.bad_eab", False),
        ("userActionRequired", "acme.user_action", False),
        ("somethingNew", "acme.rejected", False),
    ],
)
def test_a_problem_document_has_the_code_of_its_type(kind: str, code: str, retryable: bool) -> None:
    error = to_error({"kind": "acme", "type": URN + kind, "detail": "why"}, operation="issue")
    assert (error.code, error.retryable) == (code, retryable)
    assert error.detail.endswith("why")


@pytest.mark.parametrize(
    ("kind", "challenge", "code"),
    [
        ("unauthorized", "http-01", "acme.unauthorized"),
        ("unauthorized", "dns-01", "acme.dns_not_visible"),
        ("dns", "http-01", "acme.dns_not_visible"),
        ("connection", "http-01", "acme.connection"),
        ("tls", "http-01", "acme.connection"),
        ("caa", "dns-01", "acme.caa"),
    ],
)
def test_a_failed_challenge_has_the_code_of_what_it_showed(
    kind: str, challenge: str, code: str
) -> None:
    problem = {"kind": "authorization", "identifiers": [said("a.test", kind, challenge)]}
    error = to_error(problem, operation="issue")
    assert error.code == code
    assert error.identifiers == {"a.test": "about a.test"}


def test_one_name_that_cannot_be_helped_makes_the_whole_permanent() -> None:
    parts = [said("a.test", "dns"), said("b.test", "caa"), said("c.test", "connection")]
    error = to_error({"kind": "authorization", "identifiers": parts}, operation="issue")
    assert (error.code, error.retryable) == ("acme.caa", False)
    assert list(error.identifiers) == ["a.test", "b.test", "c.test"]


@pytest.mark.parametrize(
    ("problem", "operation", "code"),
    [
        (
            {"kind": "acme", "type": URN + "unauthorized", "with_eab": True},
            "register",
            "acme.bad_eab",
        ),
        ({"kind": "acme", "type": URN + "unauthorized"}, "register", "acme.account_refused"),
        ({"kind": "acme", "type": URN + "unauthorized"}, "revoke", "acme.revoke_refused"),
        ({"kind": "acme", "type": URN + "alreadyRevoked"}, "revoke", "acme.already_revoked"),
        ({"kind": "authorization", "identifiers": []}, "issue", "acme.unauthorized"),
        ({"kind": "http", "status": 502}, "issue", "acme.server_error"),
        ({"kind": "http", "status": 404}, "issue", "acme.malformed"),
        ({"kind": "network"}, "issue", "acme.unreachable"),
        ({"kind": "tls"}, "issue", "acme.untrusted"),
        ({"kind": "no such kind"}, "issue", "acme.unexpected"),
        ({}, "issue", "acme.unexpected"),
    ],
)
def test_the_rest_has_the_code_of_its_kind(
    problem: dict[str, Any], operation: str, code: str
) -> None:
    assert to_error(problem, operation=operation).code == code


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("Received response from server: NOTAUTH", "acme.dns_credentials"),
        ("Received response from server: REFUSED", "acme.dns_credentials"),
        ("The peer didn't know the key we used", "acme.dns_credentials"),
        ("An error occurred (AccessDenied) when calling", "acme.dns_credentials"),
        ("Please confirm that you have supplied valid API credentials.", "acme.dns_credentials"),
        (
            "Encountered error when making query: [Errno 111] Connection refused",
            "acme.dns_unreachable",
        ),
        (
            "Encountered error when making query: The DNS operation timed out.",
            "acme.dns_unreachable",
        ),
        ("Network error communicating with the Cloudflare API", "acme.dns_unreachable"),
        ("Received response from server: SERVFAIL", "acme.dns_unreachable"),
        ("Error code: 503 - overloaded", "acme.dns_unreachable"),
        ("Unable to determine base domain for _acme-challenge.x.test", "acme.dns_zone"),
        ("Unable to find a Route53 hosted zone for x.test", "acme.dns_zone"),
        ("Received response from server: FORMERR", "acme.dns_plugin"),
    ],
)
def test_the_words_of_a_dns_plugin_decide_whether_to_try_again(words: str, code: str) -> None:
    assert to_error({"kind": "dns", "detail": words}, operation="issue").code == code


def test_the_exception_of_a_vendors_library_counts_as_its_words() -> None:
    problem = {
        "kind": "dns",
        "detail": "?",
        "chain": ["botocore.exceptions.EndpointConnectionError"],
    }
    assert to_error(problem, operation="issue").code == "acme.dns_unreachable"


def test_foreign_words_are_one_line_of_printable_text_and_short() -> None:
    nasty = "a\r\nSet-Cookie: x\x00\x1b[31m\u202egnp.exe" + "z" * 5000
    error = to_error(
        {"kind": "acme", "type": URN + "malformed", "detail": nasty}, operation="issue"
    )
    assert error.detail.isprintable()
    assert "a Set-Cookie: x [31m gnp.exe" in error.detail
    assert len(error.detail) < 800
    many = {"kind": "authorization", "identifiers": [said(f"{i}.test", "dns") for i in range(500)]}
    assert len(to_error(many, operation="issue").detail) <= 2000


@pytest.mark.parametrize(
    ("given", "wait"),
    [
        (3600, timedelta(hours=1)),
        (1.5, timedelta(seconds=1.5)),
        (10**12, timedelta(days=14)),
        (0, None),
        (-5, None),
        (None, None),
        ("soon", None),
    ],
)
def test_a_wait_is_believed_within_bounds(given: object, wait: timedelta | None) -> None:
    problem = {"kind": "acme", "type": URN + "rateLimited", "retry_after": given}
    assert to_error(problem, operation="issue").retry_after == wait
