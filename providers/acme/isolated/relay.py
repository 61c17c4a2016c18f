"""Names of one certificate at several DNS accounts: an authenticator that hands each answer to the
process of its account.

Each account has a process of its own, as it would have for a certificate of its own: one plugin,
its credentials, variables, hooks and address guard, which the plugins keep globally.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar, cast

from acme import challenges
from certbot import achallenges

from providers.acme.isolated.own import OwnAuthenticator
from providers.acme.isolated.trouble import PublisherFailed
from providers.acme.isolated.wire import Channel
from providers.dns.zones import normalise

_PROJECT = Path(__file__).resolve().parents[3]


class Publisher:
    """The process of one account; see `providers.acme.isolated.publisher` for its side."""

    def __init__(self, request: Mapping[str, Any], folder: Path, channel: Channel) -> None:
        self.account: str = request["account"]
        self.names = {normalise(name) for name in request["names"]}
        self.channel = channel
        self.is_publishing = False
        self.process = subprocess.Popen(
            [sys.executable, "-m", "providers.acme.child"],
            cwd=_PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        self.stdin, self.stdout = (
            cast(IO[str], pipe) for pipe in (self.process.stdin, self.process.stdout)
        )
        self.say(dict(request) | {"workspace": str(folder), "parent": os.getpid()})

    def say(self, message: Mapping[str, Any]) -> None:
        # One that has ended is noticed by listening.
        with contextlib.suppress(BrokenPipeError):
            self.stdin.write(json.dumps(message) + "\n")
            self.stdin.flush()

    def until(self, event: str) -> None:
        """Pass on what it says until it says this. Raises PublisherFailed."""
        for line in self.stdout:
            said = json.loads(line)
            told = said.pop("event")
            if told == "step":
                self.channel.step(f"{self.account}: {said['message']}")
            elif told == "problem":
                raise PublisherFailed(said | {"account": self.account})
            elif told == event:
                self.is_publishing = False
                return
        gone = {"kind": "interrupted", "detail": "Its process ended.", "account": self.account}
        raise PublisherFailed(gone)

    def dismiss(self) -> None:
        """Let it remove what it has published, and end; also while it waits for name servers."""
        if self.is_publishing:
            self.process.terminate()
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()

    def leave(self) -> None:
        """Wait until it has ended; what it could not remove is no reason to fail."""
        try:
            self.until("result")
        except PublisherFailed as failed:
            sys.stderr.write(f"{self.account}: {failed.problem['kind']}\n")
        self.stdout.close()
        self.process.wait()


class Authenticator(OwnAuthenticator):
    """Has each answer published by the account of its name."""

    description = "Publishes through several DNS accounts"
    kind = challenges.DNS01
    publishers: ClassVar[Sequence[Publisher]] = ()

    def perform(self, achalls: list[achallenges.AnnotatedChallenge]) -> list[Any]:
        at_work = []
        for publisher in self.publishers:
            mine = [a for a in achalls if normalise(a.identifier.value) in publisher.names]
            if mine:
                # The plugins work with the public key alone, of which they make the answers.
                key = mine[0].account_key.public_key().to_json()
                answers = [
                    {"name": a.identifier.value, "token": a.chall.encode("token")} for a in mine
                ]
                publisher.is_publishing = True
                publisher.say({"account_key": key, "answers": answers})
                at_work.append(publisher)
        for publisher in at_work:
            publisher.until("published")
        return [achall.response(achall.account_key) for achall in achalls]

    def cleanup(self, achalls: list[achallenges.AnnotatedChallenge]) -> None:
        dismiss(self.publishers)
        type(self).publishers = ()


def dismiss(publishers: Sequence[Publisher]) -> None:
    """End all of them, at the same time."""
    for publisher in publishers:
        publisher.dismiss()
    for publisher in publishers:
        publisher.leave()


@contextlib.contextmanager
def publishers(requests: Sequence[Mapping[str, Any]], channel: Channel) -> Iterator[None]:
    """Processes that have found out where their answers will go, before the CA is asked."""
    started: list[Publisher] = []
    try:
        for number, request in enumerate(requests):
            folder = Path(f"publisher-{number}").absolute()
            folder.mkdir()
            started.append(Publisher(request, folder, channel))
        for publisher in started:
            publisher.until("ready")
        Authenticator.publishers = started
        yield
    finally:
        dismiss([one for one in started if not one.stdout.closed])
