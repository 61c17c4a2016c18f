"""A certbot authenticator for HTTP-01 that lets CertMate's web application answer."""

from typing import Any, ClassVar

from acme import challenges
from certbot import achallenges, errors

from providers.acme.isolated.own import OwnAuthenticator
from providers.acme.isolated.wire import Channel


class Authenticator(OwnAuthenticator):
    """Hands each key authorization (RFC 8555 §8.3) to the parent and waits until it is served."""

    description = "Answers HTTP-01 from CertMate's web application"
    kind = challenges.HTTP01
    channel: ClassVar[Channel]

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
