"""From a target to the backend that serves it, and bundles put into and taken out of that.

Nobody's permission is asked here: the callers have asked whether the actor may do this to the
certificate, and audit it there.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from certmate.core import clock
from certmate.core.errors import IntegrityFault, InvalidRequest, NotFound
from certmate.core.jobs import enqueue_on_commit
from certmate.pki import bundle as pki_bundle
from certmate.pki.bundle import Bundle
from certmate.pki.errors import PKIError
from storage.backends.base import Backend, BackendSpec, BundleRef, OwnPlaces
from storage.catalogue import CATALOGUE, DATABASE
from storage.choices import MirrorState
from storage.database import DatabaseBackend
from storage.models import Mirror, StorageTarget

RUN_MIRROR = "storage.run_mirror"


def spec_of(target: StorageTarget) -> BackendSpec:
    spec = CATALOGUE.get(target.backend)
    if spec is None:
        raise InvalidRequest(
            f"There is no such storage backend. Known: {', '.join(CATALOGUE)}.",
            code="storage.unknown_backend",
            field="backend",
        )
    return spec


def backend_of(target: StorageTarget) -> Backend:
    places = OwnPlaces(
        data_dir=Path(settings.DATA_DIR),
        database=DatabaseBackend(target.pk),
        kubernetes_token=settings.CERTMATE_KUBERNETES_TOKEN_FILE,
    )
    return spec_of(target).build(target.parameters, places)


def store(*, target: StorageTarget, ref: BundleRef, bundle: Bundle) -> None:
    """Put this version into the target and make it current; a repetition changes nothing.

    Raises IntegrityFault, with the code of what does not fit (`bundle.key_mismatch`, …), before
    anything is written.
    """
    try:
        pki_bundle.check(bundle)
    except PKIError as error:
        raise IntegrityFault(error.detail, code=error.code) from error
    backend_of(target).put(ref, bundle)
    tell_mirrors(target, [(ref, bundle.fingerprint)])


def is_own_database(target: StorageTarget) -> bool:
    """Whether bundles of this target are rows beside ours, written in the same transaction."""
    return target.backend == DATABASE.slug


def store_many(target: StorageTarget, bundles: Sequence[tuple[BundleRef, Bundle, str]]) -> None:
    """Put new versions, each with its fingerprint, into a target of our own database, in the
    caller's transaction. They are taken as they are: their parts have to fit.
    """
    DatabaseBackend(target.pk).put_many(bundles)
    tell_mirrors(target, [(ref, fingerprint) for ref, _, fingerprint in bundles])


def load(*, target: StorageTarget, ref: BundleRef, fingerprint: str | None = None) -> Bundle:
    """The current version, or the one of this fingerprint. Raises NotFound."""
    return backend_of(target).get(ref, fingerprint)


def load_many(
    target: StorageTarget, wanted: Sequence[tuple[BundleRef, str]]
) -> dict[BundleRef, Bundle]:
    """The versions of these fingerprints, as far as they are there."""
    if is_own_database(target):
        return DatabaseBackend(target.pk).get_many(wanted)
    found = {}
    for ref, fingerprint in wanted:
        with suppress(NotFound):
            found[ref] = load(target=target, ref=ref, fingerprint=fingerprint)
    return found


def remove(*, target: StorageTarget, ref: BundleRef, fingerprint: str | None = None) -> None:
    """Remove the bundle, or one version of it that is not current; a repetition changes nothing."""
    backend_of(target).delete(ref, fingerprint)
    if fingerprint is None:
        _end_mirrors(target, ref)


def list_refs(target: StorageTarget) -> Iterator[BundleRef]:
    """Every bundle in the target, one by one."""
    return backend_of(target).list()


def tell_mirrors(source: StorageTarget, stored: Sequence[tuple[BundleRef, str]]) -> None:
    """Note for each mirror of these bundles what it shall have; a sweep finds what is noted.

    Only mirrors of this source are told: a bundle of the same name at another place is another one,
    and whoever may mirror that is not to get this one.
    """
    names = [ref.name for ref, _ in stored]
    mirrors = Mirror.objects.filter(source=source, name__in=names)
    mirrors = mirrors.exclude(state=MirrorState.REMOVING)
    wanted = dict(stored)
    for pk, kind, name in mirrors.exclude(target=source).values_list("pk", "kind", "name"):
        fingerprint = wanted.get(BundleRef(kind, name))  # type: ignore[arg-type]
        if fingerprint is None:
            continue
        # Again: a migration may have taken it along meanwhile, and tells it itself.
        Mirror.objects.filter(pk=pk, source=source).update(
            wanted=fingerprint,
            state=MirrorState.WAITING,
            next_attempt_at=clock.now(),
            attempts=0,
        )
        enqueue_on_commit(RUN_MIRROR, pk)


def _end_mirrors(source: StorageTarget, ref: BundleRef) -> None:
    """What is deleted at its own target goes from the mirrors too, as often as it takes."""
    mirrors = Mirror.objects.filter(kind=ref.kind, name=ref.name, source=source)
    for pk in list(mirrors.values_list("pk", flat=True)):
        Mirror.objects.filter(pk=pk).update(
            state=MirrorState.REMOVING, next_attempt_at=clock.now(), attempts=0
        )
        enqueue_on_commit(RUN_MIRROR, pk)
