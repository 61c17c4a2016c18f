"""A certbot authenticator for HTTP-01 that lets CertMate's web application answer."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from acme import challenges
from certbot import achallenges, errors, interfaces
from certbot.plugins import common

from providers.acme.isolated.wire import Channel


class Authenticator(common.Plugin, interfaces.Authenticator):
    """Hands each key authorization (RFC 8555 §8.3) to the parent and waits until it is served."""

    description = "Answers HTTP-01 from CertMate's web application"
    channel: ClassVar[Channel]

    @classmethod
    def add_parser_arguments(cls, add: Callable[..., None]) -> None:
        """There is nothing to configure."""

    def prepare(self) -> None:
        """There is nothing to prepare."""

    def more_info(self) -> str:
        return self.description

    def get_chall_pref(self, identifier: str) -> Iterable[type[challenges.Challenge]]:
        return [challenges.HTTP01]

    def perform(self, achalls: list[achallenges.AnnotatedChallenge]) -> list[Any]:
        return [self._present(achall) for achall in achalls]

    def _present(self, achall: achallenges.AnnotatedChallenge) -> Any:
        response, key_authorization = achall.response_and_validation()
        token = achall.chall.encode("token")
        if not self.channel.ask("challenge", token=token, key_authorization=key_authorization):
            raise errors.PluginError("Nobody is there to answer the challenge.")
        return response

    def cleanup(self, achalls: list[achallenges.AnnotatedChallenge]) -> None:
        for achall in achalls:
            self.channel.ask("cleanup", token=achall.chall.encode("token"))
