"""The parent's part of the conversation, with children that do not keep to the agreement."""

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from certmate.core.errors import CertMateError
from providers.acme import runner
from tests.providers.acme.conftest import Recorder

REQUEST = {"operation": "issue", "secrets": ["the-secret"]}


@pytest.fixture
def converse(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Runs a child with that script instead of ours, for at most two seconds."""

    def run(script: str, *, watch: Recorder | None = None, **request: str) -> dict[str, Any]:
        def start(directory: Path) -> subprocess.Popen[bytes]:
            pipe = subprocess.PIPE
            return subprocess.Popen(
                [sys.executable, "-c", f"import json, os, sys, time\n{script}"],
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                start_new_session=True,
                bufsize=0,
            )

        monkeypatch.setattr(runner, "_start", start)
        limit, grace = timedelta(seconds=2), timedelta(seconds=0.2)
        wish = {**REQUEST, **request}
        return runner.run(wish, watch=watch or Recorder(), timeout=limit, grace=grace)

    return run


Converse = Callable[..., dict[str, Any]]

RESULT = "print(json.dumps({'event': 'result', 'result': {'uri': 'x'}}), flush=True)\n"


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("sys.exit(3)", "acme.interrupted"),
        ("print('no JSON')", "acme.interrupted"),
        ("print('[]')", "acme.interrupted"),
        ("print('x' * 5_000_000)", "acme.interrupted"),
        ("os.close(1); os.close(2); time.sleep(60)", "acme.interrupted"),
        ("time.sleep(60)", "acme.timeout"),
        ("print(json.dumps({'event': 'problem'}))", "acme.unexpected"),
    ],
)
def test_a_child_that_does_not_answer_is_an_error_to_try_again(
    converse: Converse, script: str, code: str
) -> None:
    with pytest.raises(CertMateError) as caught:
        converse(script)
    assert (caught.value.code, caught.value.retryable) == (code, True)


def test_a_large_request_to_a_child_that_does_not_read_is_bounded(converse: Converse) -> None:
    with pytest.raises(CertMateError) as caught:
        converse("time.sleep(60)", csr="x" * 1_000_000)
    assert caught.value.code == "acme.timeout"


def test_a_large_request_arrives_whole(converse: Converse) -> None:
    script = "assert len(json.loads(sys.stdin.readline())['csr']) == 1_000_000\n" + RESULT
    assert converse(script, csr="x" * 1_000_000) == {"uri": "x"}


def test_a_result_counts_though_the_child_does_not_end(converse: Converse) -> None:
    assert converse(RESULT + "time.sleep(60)") == {"uri": "x"}


def test_a_result_counts_though_something_left_behind_holds_the_pipes(converse: Converse) -> None:
    left = "if os.fork() == 0:\n    time.sleep(60)\n"
    assert converse(left + RESULT) == {"uri": "x"}


def test_the_child_does_not_see_what_is_only_for_redaction(converse: Converse) -> None:
    script = "assert 'secrets' not in json.loads(sys.stdin.readline())\n" + RESULT
    assert converse(script) == {"uri": "x"}


def test_only_what_was_presented_is_withdrawn_and_all_of_it(converse: Converse) -> None:
    calls: list[str] = []

    class Noting(Recorder):
        def present(self, token: str, key_authorization: str) -> None:
            calls.append(f"present {token}")

        def cleanup(self, token: str) -> None:
            calls.append(f"cleanup {token}")

    events = [
        {"event": "challenge", "token": "a", "key_authorization": "k"},
        {"event": "challenge", "token": "b", "key_authorization": "k"},
        {"event": "cleanup", "token": "a"},
        {"event": "cleanup", "token": "never"},
    ]
    script = f"[print(json.dumps(e), flush=True) for e in {events}]\n" + RESULT
    converse(script, watch=Noting())
    assert calls == ["present a", "present b", "cleanup a", "cleanup b"]


def test_secrets_are_removed_from_all_words_but_not_from_the_kind(converse: Converse) -> None:
    said = {
        "event": "problem",
        "kind": "authorization",
        "identifiers": [
            {
                "identifier": "a.test",
                "type": "urn:ietf:params:acme:error:dns",
                "detail": "it is the-secret",
            }
        ],
    }
    step = {"event": "step", "message": "with the-secret\n"}
    script = f"print(json.dumps({step}))\nprint(json.dumps({said}))\n"
    script += "print('the-secret', file=sys.stderr)"
    watch = Recorder()
    with pytest.raises(CertMateError) as caught:
        converse(script, watch=watch)
    assert caught.value.code == "acme.dns_not_visible"
    assert caught.value.identifiers == {"a.test": "it is ********"}
    assert "the-secret" not in caught.value.detail
    assert watch.steps == ["with ********"]
    assert watch.logged == "********"
