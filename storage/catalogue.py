"""The kinds of storage backend, as a table: one entry here and one module make a new one.

Forms, API schema, masking and the contract tests derive from it, and no migration does.
"""

from storage.backends import infisical, key_vault, local, s3, secrets_manager, vault
from storage.backends.base import BackendSpec

DATABASE = BackendSpec(
    slug="database",
    label="CertMate's database",
    help="Private keys are encrypted under the master key; every process of a fleet reads them.",
    build=lambda _parameters, places: places.database,
)

CATALOGUE: dict[str, BackendSpec] = {
    spec.slug: spec
    for spec in (
        *(local.SPEC, DATABASE, vault.SPEC, secrets_manager.SPEC),
        *(s3.SPEC, key_vault.SPEC, infisical.SPEC),
    )
}


def choices() -> list[tuple[str, str]]:
    """Slug and label of each entry, for Django's fields."""
    return [(spec.slug, spec.label) for spec in CATALOGUE.values()]
