"""Who keeps the private key of an authority, as data: each entry makes, adopts and opens keys."""

from collections.abc import Mapping

from providers.authority.custody.base import Custody
from providers.authority.custody.database import DATABASE
from providers.authority.custody.passphrase import PASSPHRASE
from providers.authority.custody.pkcs11 import PKCS11

CUSTODIES: Mapping[str, Custody] = {
    custody.slug: custody for custody in (DATABASE, PASSPHRASE, PKCS11)
}


def choices() -> list[tuple[str, str]]:
    """For a model's field: slug and label."""
    return [(custody.slug, custody.label) for custody in CUSTODIES.values()]
