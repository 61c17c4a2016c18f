"""What can be done to accounts at CAs and DNS providers, and to private authorities."""

from providers.services.authorities import (
    create_authority,
    delete_authority,
    import_authority,
    install_certificate,
    resolve_authority,
    rotate_authority,
    update_authority,
)
from providers.services.ca import (
    create_ca_account,
    delete_ca_account,
    resolve_ca_account,
    update_ca_account,
)
from providers.services.crls import publish_crls
from providers.services.dns import (
    account_for_names,
    create_dns_account,
    delete_dns_account,
    require_room,
    resolve_dns_account,
    update_dns_account,
)
from providers.services.ledger_adopting import adopt_entry, line_of
from providers.services.profiles import (
    create_profile,
    delete_profile,
    resolve_profile,
    update_profile,
)
from providers.services.revoking import release_entry, revoke_entry
from providers.services.verification import verify_ca_account, verify_dns_account

__all__ = [
    "account_for_names",
    "adopt_entry",
    "create_authority",
    "create_ca_account",
    "create_dns_account",
    "create_profile",
    "delete_authority",
    "delete_ca_account",
    "delete_dns_account",
    "delete_profile",
    "import_authority",
    "install_certificate",
    "line_of",
    "publish_crls",
    "release_entry",
    "require_room",
    "resolve_authority",
    "resolve_ca_account",
    "resolve_dns_account",
    "resolve_profile",
    "revoke_entry",
    "rotate_authority",
    "update_authority",
    "update_ca_account",
    "update_dns_account",
    "update_profile",
    "verify_ca_account",
    "verify_dns_account",
]
