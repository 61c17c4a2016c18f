"""What one run of certbot is given: its plugin, credentials, hooks, and an eye on what it does."""

import contextlib
import os
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from certbot._internal import constants

from providers.acme.isolated import acmedns, http01, plugins
from providers.acme.isolated.network import Journal, check_address
from providers.acme.isolated.publishing import Publishing
from providers.acme.isolated.wire import Channel

_PUBLIC_SUFFIX_TIMEOUT = "3"
"""Seconds that a plugin may take to fetch the list of public suffixes; it brings a copy."""


def equip(
    request: dict[str, Any], channel: Channel, journal: Journal
) -> tuple[list[str], Publishing | None]:
    """Prepares this process for the request's plugin; gives certbot's arguments, and where dns-01
    answers will go.
    """
    os.environ.update(request["environment"])
    os.environ["TLDEXTRACT_CACHE_TIMEOUT"] = _PUBLIC_SUFFIX_TIMEOUT
    http01.Authenticator.channel = channel
    acmedns.Authenticator.account = request["own"]
    point = plugins.show_only(request["authenticator"], request["package"])
    publishing = None
    if request["publication"] is not None:
        _check_hosts(request["hosts"])
        plugins.clean_up_only_what_was_tried()
        plugins.bound_dns_timeout(request["authenticator"], request["dns_timeout"])
        publishing = Publishing.of(request, channel)
        publishing.install(point.load())
    # A cli.ini of this machine is meant for its own certbot.
    constants.CLI_DEFAULTS["config_files"] = []
    arguments = [
        *request["argv"],
        *plugins.credential_arguments(request["files"], Path(request["workspace"])),
        *plugins.hook_arguments(request["hooks"], journal),
    ]
    return arguments, publishing


def _check_hosts(hosts: Iterable[str]) -> None:
    # lego resolves names itself, where no guard of ours looks at the addresses.
    for host in hosts:
        with contextlib.suppress(OSError):
            for answer in socket.getaddrinfo(host, None):
                check_address(str(answer[4][0]))
