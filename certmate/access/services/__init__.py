from certmate.access.services.granting import set_grants, set_groups, set_permissions
from certmate.access.services.teams import (
    create_team,
    delete_team,
    find_team,
    give_to_team,
    update_team,
)
from certmate.access.services.tokens import PREFIX, create_token, find_token, revoke_token

__all__ = [
    "PREFIX",
    "create_team",
    "create_token",
    "delete_team",
    "find_team",
    "find_token",
    "give_to_team",
    "revoke_token",
    "set_grants",
    "set_groups",
    "set_permissions",
    "update_team",
]
