"""The process of one DNS account among several of a certificate: publishes what it is told, and
removes it when it has been dismissed or its parent is gone.
"""

import contextlib
import signal
import sys
from typing import Any, cast

from josepy.b64 import b64decode
from josepy.jwk import JWK

from providers.acme.isolated import probe
from providers.acme.isolated.equipment import equip
from providers.acme.isolated.network import Journal, guarded_resolution
from providers.acme.isolated.wire import Channel


def publish(request: dict[str, Any], channel: Channel, journal: Journal) -> dict[str, Any]:
    """Serves one parent: `ready` before anything is asked for, `published` when the zone's name
    servers have the answers. The end of its input means that they are needed no more.
    """
    # Whoever is told to end cleans up first; certbot, which sees to that elsewhere, is not here.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    arguments, publishing = equip(request, channel, journal)
    if publishing is None:
        raise ValueError("there is nothing to publish without a DNS account")
    publishing.aim(request["names"])
    with contextlib.nullcontext() if request["is_ambient"] else guarded_resolution():
        plugin = probe.ready_plugin(request["authenticator"], arguments)
        channel.send("ready")
        try:
            wanted = channel.request()
        except EOFError:
            return {}
        key = cast(JWK, JWK.from_json(wanted["account_key"]))
        answers = [
            probe.challenge(one["name"], b64decode(one["token"]), key) for one in wanted["answers"]
        ]
        try:
            plugin.perform(answers)
            channel.send("published")
            with contextlib.suppress(EOFError):
                channel.request()
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            plugin.cleanup(answers)
    return {}
