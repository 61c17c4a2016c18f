"""The versions of a certificate on its page, whatever it is for."""

from collections.abc import Callable, Iterable
from typing import Any

from django.utils.safestring import SafeString

from certmate.ui import instants
from certmate.ui.badges import Badge, row
from certmate.ui.facts import Table, code

SHOWN = 20
"""So many of the latest."""


def version_table(
    versions: Iterable[Any],
    badges: Callable[[Any], Iterable[Badge]],
    verbs: Callable[[Any], SafeString | str],
) -> Table:
    """A row for each; what the user may do to it stands in the last column."""
    rows = [
        (
            version.number,
            row(*badges(version)),
            code(version.serial),
            instants.absolute(version.not_before),
            instants.absolute(version.not_after),
            verbs(version),
        )
        for version in versions
    ]
    headers = ("Version", "State", "Serial number", "Valid from", "Valid until", "")
    return Table("Versions", headers, rows, empty="Nothing was issued yet.")
