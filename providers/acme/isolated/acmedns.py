"""A certbot authenticator for acme-dns, a server that does nothing but serve dns-01 answers."""

from collections.abc import Mapping
from typing import Any, ClassVar

import requests
from acme import challenges
from certbot import achallenges, errors

from providers.acme.isolated.own import OwnAuthenticator

TIMEOUT = 15


class Authenticator(OwnAuthenticator):
    """Gives each answer to the server, which keeps the last two and needs no cleaning up."""

    description = "Publishes through an acme-dns server"
    kind = challenges.DNS01
    account: ClassVar[Mapping[str, str]]

    def perform(self, achalls: list[achallenges.AnnotatedChallenge]) -> list[Any]:
        for achall in achalls:
            self._update(achall.validation(achall.account_key))
        return [achall.response(achall.account_key) for achall in achalls]

    def _update(self, validation: str) -> None:
        account = self.account
        try:
            answer = requests.post(
                f"{account['api_url'].rstrip('/')}/update",
                json={"subdomain": account["subdomain"], "txt": validation},
                headers={"X-Api-User": account["username"], "X-Api-Key": account["password"]},
                timeout=TIMEOUT,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            # Never its words: they may repeat the URL.
            raise errors.PluginError(f"acme-dns: {type(error).__name__}") from None
        if answer.status_code != requests.codes.ok:
            raise errors.PluginError(f"acme-dns answered with HTTP {answer.status_code}")

    def cleanup(self, achalls: list[achallenges.AnnotatedChallenge]) -> None:
        """The next answers push these out."""
