"""The isolated child: `python -m providers.acme.child`, started by `providers.acme.runner` alone.

Reads one JSON request line on stdin, does that one operation with certbot's libraries, and writes
JSON lines to stdout. Secrets reach it on stdin only and never leave its memory, but for the account
key, which certbot wants in a file of the private workspace.
"""

import os
import sys
import traceback
from typing import Any

from providers.acme.isolated import lifeline
from providers.acme.isolated.wire import Channel


def main() -> int:
    """Serves one request; the exit status says nothing that the events do not."""
    lifeline.follow_parent()
    channel = Channel.take_over_stdio()
    try:
        request = channel.request()
    except EOFError:
        return 1
    lifeline.check_parent(request["parent"])
    os.chdir(request["workspace"])
    return _serve(request, channel)


def _serve(request: dict[str, Any], channel: Channel) -> int:
    # Not before the request is there: these imports are most of the child's start.
    from pathlib import Path

    from providers.acme.isolated import accounts, network, problems, session

    journal = network.Journal()
    try:
        trust = session.write_trust(request["trust_bundle"], Path("trust.pem").absolute())
        network.install(journal, trust_file=trust)
        match request["operation"]:
            case "register":
                result: dict[str, Any] = accounts.register(request)
            case "issue":
                # Certbot's main module takes as long to import as the other operations take.
                from providers.acme.isolated import issuance

                result = issuance.issue(request, channel, journal)
            case "publish":
                from providers.acme.isolated import publisher

                result = publisher.publish(request, channel, journal)
            case "probe":
                from providers.acme.isolated import probe

                result = probe.probe(request, channel, journal)
            case "revoke":
                result = accounts.revoke(request)
            case "renewal_windows":
                result = accounts.renewal_windows(request)
            case other:
                raise ValueError(f"no operation {other}")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the process's edge: told to the parent
        problem = problems.describe(error, request, journal)
        traceback.print_tb(error.__traceback__)
        words = "" if problems.unspoken(problem) else error
        sys.stderr.write(f"{words} {' < '.join(problem['chain'])}\n")
        channel.send("problem", **problem)
        return 1
    channel.send("result", result=result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
