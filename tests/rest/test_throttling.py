"""How often a caller of the API may call, and whom a limit does not touch."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from certmate.core import clock, rates
from tests.caller import Caller, problem
from tests.cast import Cast, token_for

NO_LIMIT = {"token": 0, "user": 0, "anonymous": 0, "failed": 0}


@pytest.fixture
def limits(settings: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The rates, none of which limits yet; counted from nothing, by a clock that stands."""
    chosen = dict(NO_LIMIT)
    counter, now = rates.LocalCounter(), clock.now()
    settings.CERTMATE_RATES = chosen
    monkeypatch.setattr(rates, "_counter", lambda url: counter)
    monkeypatch.setattr(clock, "now", lambda: now)
    return chosen


def statuses(call: Any, times: int) -> list[int]:
    return [call().status_code for _ in range(times)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CERTMATE_RATE_FAILED", "many"),
        ("CERTMATE_RATE_TOKEN", "-1"),
        ("CERTMATE_THROTTLE_URL", "amqp://canary@rabbit.test"),
    ],
)
def test_a_limit_that_makes_no_sense_stops_the_start(tmp_path: Path, name: str, value: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import certmate.settings"],
        env=os.environ | {"CERTMATE_DATA_DIR": str(tmp_path), name: value},
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stderr.splitlines()[-1]
    assert f"ImproperlyConfigured: {name} must be" in last
    assert "canary" not in last


def test_a_token_is_told_when_to_come_back(cast: Cast, limits: dict[str, int]) -> None:
    limits["token"] = 3
    caller = Caller(cast.owner)
    assert statuses(lambda: caller.get("/api/me"), 3) == [200] * 3
    answer = caller.get("/api/me")
    document = problem(answer, 429, "request.throttled")
    assert answer["Retry-After"] == "20" == str(document["retry_after"])
    assert Caller(cast.owner).get("/api/me").status_code == 200  # Another token of his.


def test_a_session_counts_per_user(cast: Cast, limits: dict[str, int]) -> None:
    limits["user"] = 2
    one, other, auditor = Client(), Client(), Client()
    one.force_login(cast.owner)
    other.force_login(cast.owner)
    auditor.force_login(cast.auditor)
    assert one.get("/api/me").status_code == other.get("/api/me").status_code == 200
    problem(other.get("/api/me"), 429, "request.throttled")
    assert auditor.get("/api/me").status_code == 200


def test_who_is_not_signed_in_counts_per_address(cast: Cast, limits: dict[str, int]) -> None:
    limits["anonymous"] = 2
    for _ in range(2):
        problem(Caller().get("/api/me"), 401, "auth.required")
    problem(Caller().get("/api/certificates"), 429, "request.throttled")
    elsewhere = Client(REMOTE_ADDR="203.0.113.9")
    problem(elsewhere.get("/api/me"), 401, "auth.required")


def test_wrong_tokens_are_throttled_and_stop_no_right_one(
    cast: Cast, limits: dict[str, int]
) -> None:
    limits["failed"] = 2
    wrong = Client(headers={"Authorization": "Bearer cm_wrong"})
    assert statuses(lambda: wrong.get("/api/me"), 4) == [401, 401, 429, 429]
    assert "WWW-Authenticate" not in wrong.get("/api/me").headers
    assert Caller(cast.owner).get("/api/me").status_code == 200


def test_an_address_of_ipv6_counts_by_its_network(cast: Cast, limits: dict[str, int]) -> None:
    limits["failed"] = 1
    wrong = {"Authorization": "Bearer cm_wrong"}
    first, second = (
        Client(headers=wrong, REMOTE_ADDR=f"2001:db8:0:1::{host}").get("/api/me") for host in "12"
    )
    assert (first.status_code, second.status_code) == (401, 429)


@pytest.mark.parametrize(("is_behind_proxy", "expected"), [(False, 429), (True, 401)])
def test_a_forwarding_header_is_believed_behind_a_proxy_only(
    cast: Cast, limits: dict[str, int], settings: Any, is_behind_proxy: bool, expected: int
) -> None:
    settings.CERTMATE_BEHIND_PROXY = is_behind_proxy
    limits["failed"] = 1
    for host, status in ((1, 401), (2, expected)):
        headers = {"Authorization": "Bearer x", "X-Forwarded-For": f"203.0.113.{host}"}
        assert Client(headers=headers).get("/api/me").status_code == status


def test_a_forged_session_call_counts_as_a_failure(cast: Cast, limits: dict[str, int]) -> None:
    limits["failed"] = 1
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(cast.owner)
    problem(browser.post("/api/ca-accounts"), 403, "access.csrf")
    problem(browser.post("/api/ca-accounts"), 429, "request.throttled")


def test_what_needs_no_sign_in_is_not_counted(cast: Cast, limits: dict[str, int]) -> None:
    limits |= {"anonymous": 1, "failed": 1, "token": 1}
    for path in ("/health", "/.well-known/acme-challenge/x"):
        for headers in ({}, {"Authorization": "Bearer cm_wrong"}):
            client = Client(headers=headers)
            assert not {401, 429} & set(statuses(lambda c=client, p=path: c.get(p), 5))


def test_the_schema_and_its_viewer_count_too(cast: Cast, limits: dict[str, int]) -> None:
    limits["token"] = 1
    caller = Client(headers={"Authorization": f"Bearer {token_for(cast.owner, 'read')}"})
    assert caller.get("/api/schema").status_code == 200
    problem(caller.get("/api/schema"), 429, "request.throttled")
