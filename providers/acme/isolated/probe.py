"""A DNS account tried for real: a record written, seen on the zone's servers, and removed.

The plugin is run as certbot runs it, with a challenge that no CA has made.
"""

import contextlib
import os
import sys
from collections.abc import Callable
from typing import Any

from acme import challenges, messages
from certbot import achallenges
from certbot._internal import cli
from certbot._internal.display.obj import NoninteractiveDisplay, set_display
from certbot._internal.plugins import disco
from josepy.jwk import JWK, JWKOct

from providers.acme.isolated.equipment import equip
from providers.acme.isolated.network import Journal, guarded_resolution
from providers.acme.isolated.trouble import PUBLISH, REMOVE, SEE, StageFailed
from providers.acme.isolated.wire import Channel


def probe(request: dict[str, Any], channel: Channel, journal: Journal) -> dict[str, Any]:
    """The name at which a record was written, seen and removed. Raises StageFailed."""
    arguments, publishing = equip(request, channel, journal)
    if publishing is None:
        raise ValueError("a trial needs a DNS account")
    publishing.aim([request["name"]])
    made = challenge(request["name"], os.urandom(32), JWKOct(key=os.urandom(32)))
    with contextlib.nullcontext() if request["is_ambient"] else guarded_resolution():
        plugin = ready_plugin(request["authenticator"], arguments)
        channel.step("Writing the record")
        try:
            _staged(PUBLISH, lambda: plugin.perform([made]))
        finally:
            channel.step("Removing the record")
            removed = _attempt(lambda: plugin.cleanup([made]))
    if publishing.late:
        late = ", ".join(map(str, publishing.late))
        raise StageFailed(SEE, f"Not served by {late} within {publishing.wait} seconds.")
    if removed is not None:
        raise StageFailed(REMOVE) from removed
    end = publishing.ends[made.validation_domain_name(request["name"])]
    return {"record": end, "seen": not publishing.is_blind}


def ready_plugin(authenticator: str, arguments: list[str]) -> Any:
    """The plugin, as certbot would have prepared it."""
    found = disco.PluginsRegistry.find_all()
    set_display(NoninteractiveDisplay(sys.stderr))
    config = cli.prepare_and_parse_args(found, arguments)
    plugin = found[authenticator].init(config)
    plugin.prepare()
    return plugin


def challenge(name: str, token: bytes, key: JWK) -> Any:
    """A challenge as a CA makes it for the name, to be answered with that account key."""
    made = messages.ChallengeBody(
        chall=challenges.DNS01(token=token),
        uri="https://ca.invalid/challenge",
        status=messages.STATUS_PENDING,
    )
    identifier = messages.Identifier(typ=messages.IDENTIFIER_FQDN, value=name)
    return achallenges.KeyAuthorizationAnnotatedChallenge(
        challb=made, identifier=identifier, account_key=key
    )


def _staged(stage: str, act: Callable[[], object]) -> None:
    error = _attempt(act)
    if error is not None:
        raise StageFailed(stage) from error


def _attempt(act: Callable[[], object]) -> Exception | None:
    try:
        act()
    except Exception as error:  # noqa: BLE001 - plugins raise what their vendors' libraries do
        return error
    return None
