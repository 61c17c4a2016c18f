"""Four eyes: what a rule says needs approval is asked for, decided about, and then carried out.

A service calls `require` once it knows what exactly it would do, ahead of its transaction, and uses
the permit in it. docs/access.md has it in words.
"""

from certmate.access.services.approvals.asking import (
    ApprovalNeeded,
    Permit,
    give_reason,
    is_needed,
    require,
)
from certmate.access.services.approvals.carrying import carry_out, sweep
from certmate.access.services.approvals.deciding import (
    approve_request,
    cancel_request,
    may_decide,
    reject_request,
    to_decide,
)
from certmate.access.services.approvals.matching import aimed_at, given
from certmate.access.services.approvals.operations import OPERATIONS, Operation, register
from certmate.access.services.approvals.rules import (
    containers,
    create_rule,
    delete_rule,
    describe,
    kinds,
    known_targets,
    update_rule,
)

__all__ = [
    "OPERATIONS",
    "ApprovalNeeded",
    "Operation",
    "Permit",
    "aimed_at",
    "approve_request",
    "cancel_request",
    "carry_out",
    "containers",
    "create_rule",
    "delete_rule",
    "describe",
    "give_reason",
    "given",
    "is_needed",
    "kinds",
    "known_targets",
    "may_decide",
    "register",
    "reject_request",
    "require",
    "sweep",
    "to_decide",
    "update_rule",
]
