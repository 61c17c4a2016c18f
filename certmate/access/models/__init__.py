from certmate.access.models.approvals import (
    Approval,
    ApprovalRule,
    ApprovalState,
    Requirement,
    Vote,
)
from certmate.access.models.requested import Requested
from certmate.access.models.teams import Team
from certmate.access.models.tokens import ApiToken, ServiceAccount

__all__ = [
    "ApiToken",
    "Approval",
    "ApprovalRule",
    "ApprovalState",
    "Requested",
    "Requirement",
    "ServiceAccount",
    "Team",
    "Vote",
]
