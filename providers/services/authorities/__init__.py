"""What can be done to private authorities."""

from providers.services.authorities.creating import create_authority
from providers.services.authorities.importing import import_authority, install_certificate
from providers.services.authorities.keeping import (
    delete_authority,
    resolve_authority,
    update_authority,
)
from providers.services.authorities.rotating import rotate_authority

__all__ = [
    "create_authority",
    "delete_authority",
    "import_authority",
    "install_certificate",
    "resolve_authority",
    "rotate_authority",
    "update_authority",
]
