"""Registers the pages of what the kernel and Django bring: people, teams, tokens, audit log,
schedules.

They stand here and not in `certmate.access` and `certmate.audit`, which are below the interface.
"""

from certmate.ui import (
    approval_rules,
    approvals,
    groups,
    people,
    schedules,
    service_accounts,
    teams,
    tokens,
)
from certmate.ui.audit import entries

__all__ = [
    "approval_rules",
    "approvals",
    "entries",
    "groups",
    "people",
    "schedules",
    "service_accounts",
    "teams",
    "tokens",
]
