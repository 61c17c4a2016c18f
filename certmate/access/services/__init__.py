from certmate.access.services import approvals
from certmate.access.services.granting import (
    grantable,
    granted,
    known_verbs,
    set_grants,
    set_groups,
    set_permissions,
)
from certmate.access.services.people import (
    create_group,
    create_user,
    delete_group,
    delete_user,
    rename_group,
    set_password,
    update_user,
)
from certmate.access.services.service_accounts import (
    create_service_account,
    delete_service_account,
    find_service_account,
    update_service_account,
)
from certmate.access.services.subjects import find_subject, find_user
from certmate.access.services.teams import (
    create_team,
    delete_team,
    find_team,
    give_to_team,
    update_team,
)
from certmate.access.services.tokens import (
    PREFIX,
    create_token,
    find_token,
    require_may_make,
    revoke_token,
    rotate_token,
)

__all__ = [
    "PREFIX",
    "approvals",
    "create_group",
    "create_service_account",
    "create_team",
    "create_token",
    "create_user",
    "delete_group",
    "delete_service_account",
    "delete_team",
    "delete_user",
    "find_service_account",
    "find_subject",
    "find_team",
    "find_token",
    "find_user",
    "give_to_team",
    "grantable",
    "granted",
    "known_verbs",
    "rename_group",
    "require_may_make",
    "revoke_token",
    "rotate_token",
    "set_grants",
    "set_groups",
    "set_password",
    "set_permissions",
    "update_service_account",
    "update_team",
    "update_user",
]
