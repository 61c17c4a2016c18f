"""Registers the pages of what the kernel and Django bring: users, tokens, audit log, schedules.

They stand here and not in `certmate.access` and `certmate.audit`, which are below the interface.
"""

from certmate.ui import entries, people, schedules, tokens

__all__ = ["entries", "people", "schedules", "tokens"]
