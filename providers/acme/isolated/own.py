"""What CertMate's own authenticators have in common: certbot has nothing to configure in them."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from acme import challenges
from certbot import interfaces
from certbot.plugins import common


class OwnAuthenticator(common.Plugin, interfaces.Authenticator):
    """An authenticator for one kind of challenge."""

    kind: ClassVar[type[challenges.Challenge]]

    @classmethod
    def add_parser_arguments(cls, add: Callable[..., None]) -> None:
        """There is nothing to configure."""

    def prepare(self) -> None:
        """There is nothing to prepare."""

    def more_info(self) -> str:
        return str(self.description)

    def get_chall_pref(self, identifier: str) -> Iterable[type[challenges.Challenge]]:
        return [self.kind]

    def perform(self, achalls: list[Any]) -> list[Any]:
        raise NotImplementedError

    def cleanup(self, achalls: list[Any]) -> None:
        raise NotImplementedError
