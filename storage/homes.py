"""Which certificate a bundle is of, and where that has its bundles: as the apps above have told."""

from django.db import models

from storage.adopting import ADOPTERS
from storage.backends.base import BundleRef
from storage.models import Mirror, StorageTarget


def certificate_of(ref: BundleRef) -> models.Model | None:
    """The certificate whose bundles are called so; its `storage_target` is where they are."""
    of = ADOPTERS[ref.kind]
    return of.model._default_manager.filter(**{of.named: ref.name}).first()


def mirrors_at_home(target: StorageTarget) -> models.QuerySet[Mirror]:
    """The mirrors of this source, but for those of bundles that only bear the name of a certificate
    whose own are elsewhere.
    """
    mirrors = Mirror.objects.filter(source=target)
    for kind, of in ADOPTERS.items():
        elsewhere = of.model._default_manager.exclude(storage_target=target)
        named = elsewhere.filter(**{of.named: models.OuterRef("name")})
        mirrors = mirrors.exclude(models.Q(kind=kind) & models.Exists(named))
    return mirrors
