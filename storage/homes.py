"""Which certificate a bundle is of, and where that has its bundles.

The certificates are of apps above, which are known by name only, as a foreign key may name them.
"""

from collections.abc import Mapping

from django.apps import apps
from django.db import models

from storage.backends.base import BundleRef, Kind
from storage.models import Mirror, StorageTarget

CERTIFICATES: Mapping[Kind, tuple[str, str]] = {
    "server": ("certificates.Certificate", "name"),
    "client": ("clients.ClientCertificate", "identifier"),
}
"""The model of each kind, and its field that its bundles are called by."""


def certificate_of(ref: BundleRef) -> models.Model | None:
    """The certificate whose bundles are called so; its `storage_target` is where they are."""
    model, field = _certificates(ref.kind)
    return model._default_manager.filter(**{field: ref.name}).first()


def mirrors_at_home(target: StorageTarget) -> models.QuerySet[Mirror]:
    """The mirrors of this source, but for those of bundles that only bear the name of a certificate
    whose own are elsewhere.
    """
    mirrors = Mirror.objects.filter(source=target)
    for kind in CERTIFICATES:
        model, field = _certificates(kind)
        elsewhere = model._default_manager.exclude(storage_target=target)
        named = elsewhere.filter(**{field: models.OuterRef("name")})
        mirrors = mirrors.exclude(models.Q(kind=kind) & models.Exists(named))
    return mirrors


def _certificates(kind: Kind) -> tuple[type[models.Model], str]:
    label, field = CERTIFICATES[kind]
    return apps.get_model(label), field
