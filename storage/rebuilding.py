"""Rebuilds carried out: what is at a target and in no table is taken up, bundle by bundle.

To look at a bundle again changes nothing: its versions are known by then.
"""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from typing import Any, ClassVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F

from certmate.access.requesters import actor_of
from certmate.core.errors import CertMateError, Conflict, IntegrityFault, InvalidRequest, LeaseLost
from certmate.core.stopping import is_stopping
from certmate.pki import bundle as pki_bundle
from certmate.pki.bundle import Bundle
from certmate.pki.errors import PKIError
from certmate.pki.inspect import describe_certificate
from storage.adopting import ADOPTERS, Found
from storage.backends.base import Backend, BundleRef
from storage.choices import FindState, WorkState
from storage.models import RebuildItem, StorageRebuild, StorageTarget
from storage.services import is_own_database, store
from storage.services.places import backend_of
from storage.services.rebuilds import RUN_REBUILD
from storage.working import CHUNK, WORKERS, Worker, is_general, run, sweep

_INSERT = 500
_COUNTED = {
    "known": FindState.KNOWN,
    "adopted": FindState.ADOPTED,
    "failed": FindState.FAILED,
}


def run_rebuild(rebuild_id: int, workers: int = WORKERS) -> None:
    """Take up what is left if nobody else is at it; what fails for a while is left to the sweep."""
    run(StorageRebuild, rebuild_id, partial(Run, workers=workers))


def sweep_rebuilds() -> int:
    """Wake the rebuilds that wait or whose worker died; returns how many."""
    return sweep(StorageRebuild, RUN_REBUILD)


class Run(Worker[StorageRebuild]):
    """One worker's work on a rebuild."""

    events: ClassVar = {
        WorkState.DONE: "rebuilt",
        WorkState.INCOMPLETE: "rebuild_incomplete",
        WorkState.FAILED: "rebuild_failed",
    }

    def __init__(self, rebuild: StorageRebuild, token: UUID, workers: int = WORKERS) -> None:
        super().__init__(rebuild, token)
        self.target = rebuild.target
        self.workers = 1 if is_own_database(rebuild.target) else workers

    def told(self) -> tuple[StorageTarget, dict[str, Any]]:
        counts = {name: getattr(self.work, name) for name in ("known", "adopted", "failed")}
        return self.target, counts

    def carry_out(self) -> None:
        self.require_still(self.target)
        self.backend = backend_of(self.target)
        self._list()
        last = 0
        with ThreadPoolExecutor(self.workers) as pool:
            self._map: Any = pool.map if self.workers > 1 else map
            while not is_stopping():
                queued = RebuildItem.objects.filter(
                    rebuild=self.work, state=FindState.QUEUED, pk__gt=last
                )
                chunk = list(queued.order_by("pk")[:CHUNK])
                if not chunk:
                    self._finish()
                    return
                last = chunk[-1].pk
                self.require_still(self.target)
                self._take_up(chunk)
        self.end(WorkState.QUEUED)

    def _list(self) -> None:
        """A row for each bundle of the target; our own first, so that nothing older hides one."""
        own = (self._item(ref.kind, ref.name) for ref in self.backend.list())
        left = (self._item("server", name, is_legacy=True) for name in self.backend.legacy())
        items = chain(own, left)
        while rows := list(islice(items, _INSERT)):
            RebuildItem.objects.bulk_create(rows, ignore_conflicts=True)
            self.extend_lease()
        self.extend_lease(total=RebuildItem.objects.filter(rebuild=self.work).count())

    def _item(self, kind: str, name: str, *, is_legacy: bool = False) -> RebuildItem:
        return RebuildItem(rebuild=self.work, kind=kind, name=name, is_legacy=is_legacy)

    def _take_up(self, items: Sequence[RebuildItem]) -> None:
        """Raises what is no fault of a bundle, after the others are settled."""
        stopped: CertMateError | None = None
        settled: list[RebuildItem] = []
        looks = list(self._map(partial(_look, self.backend), items))
        kinds = {item.kind for item in items}
        seen = [name for look in looks if not isinstance(look, CertMateError) for name in look]
        known = set().union(*(ADOPTERS[kind].known(seen) for kind in ADOPTERS if kind in kinds))
        wanted = [look if isinstance(look, CertMateError) else look - known for look in looks]
        read = self._map(partial(_read, self.backend), items, wanted)
        for item, found in zip(items, read, strict=True):
            error = found if isinstance(found, CertMateError) else self._adopt(item, found)
            if error is not None and is_general(error):
                stopped = error
                continue
            item.state = FindState.FAILED if error else item.state
            item.error_code = error.code if error else ""
            item.error_detail = error.detail[:500] if error else ""
            settled.append(item)
        self._settle(settled)
        if stopped is not None:
            raise stopped

    def _settle(self, items: Sequence[RebuildItem]) -> None:
        """What was adopted before a crash here is known to the next worker."""
        states = Counter(item.state for item in items)
        counted = {name: F(name) + states[state] for name, state in _COUNTED.items()}
        with transaction.atomic():
            for item in items:
                item.save(update_fields=["state", "error_code", "error_detail"])
            self.extend_lease(**counted)

    def _adopt(self, item: RebuildItem, versions: Sequence[Bundle]) -> CertMateError | None:
        """Have the apps take the versions up; returns what is wrong with them."""
        if not versions:
            item.state = FindState.KNOWN
            return None
        ref = _ref(item)
        try:
            for bundle in versions:
                _require_whole(bundle)
            if item.is_legacy:
                self._move_in(ref, versions[-1])
            current = self.backend.get(ref).fingerprint
            self._hand_over(Found(self.target, ref, _by_age(versions, current), current))
        except LeaseLost:
            raise
        except CertMateError as error:
            return error
        except ValidationError as error:
            return InvalidRequest(" ".join(error.messages), code="storage.unfit")
        except IntegrityError:
            return Conflict(
                "The version, or its certificate's name, has become another one's meanwhile.",
                code="storage.taken",
            )
        item.state = FindState.ADOPTED
        return None

    def _move_in(self, ref: BundleRef, bundle: Bundle) -> None:
        """What CertMate 2.x has left goes where ours is, unless it would not be adopted there."""
        with transaction.atomic():
            self._hand_over(Found(self.target, ref, (bundle,), bundle.fingerprint))
            # Tried out only: nothing says that the bundle is there before it is.
            transaction.set_rollback(True)
        store(target=self.target, ref=ref, bundle=bundle)

    def _hand_over(self, found: Found) -> None:
        with transaction.atomic():
            self.extend_lease()
            adopter = ADOPTERS[found.ref.kind]
            adopter.adopt(actor_of(self.work), replace(found, issuer=self.work.issuer))

    def _finish(self) -> None:
        failed = RebuildItem.objects.filter(rebuild=self.work, state=FindState.FAILED).exists()
        self.end(WorkState.INCOMPLETE if failed else WorkState.DONE)


def _look(backend: Backend, item: RebuildItem) -> set[str] | CertMateError:
    """The fingerprints of what is there."""
    try:
        if item.is_legacy:
            return {backend.get_legacy(item.name).fingerprint}
        return set(backend.versions(_ref(item)))
    except CertMateError as error:
        return error
    except PKIError:
        return IntegrityFault("The stored certificate is none.", code="storage.damaged")


def _read(
    backend: Backend, item: RebuildItem, wanted: set[str] | CertMateError
) -> list[Bundle] | CertMateError:
    """The versions of these fingerprints."""
    if isinstance(wanted, CertMateError):
        return wanted
    try:
        if item.is_legacy:
            return [backend.get_legacy(item.name)] if wanted else []
        return [backend.get(_ref(item), fingerprint) for fingerprint in sorted(wanted)]
    except CertMateError as error:
        return error


def _ref(item: RebuildItem) -> BundleRef:
    return BundleRef(item.kind, item.name)  # type: ignore[arg-type] # Checked as it is made.


def _require_whole(bundle: Bundle) -> None:
    """Raise IntegrityFault, with the code of what does not fit."""
    try:
        pki_bundle.check(bundle)
    except PKIError as error:
        raise IntegrityFault(error.detail, code=error.code) from error


def _by_age(versions: Sequence[Bundle], current: str) -> tuple[Bundle, ...]:
    """The newest last, and the current one after all, since that is what is in use."""

    def age(bundle: Bundle) -> Any:
        facts = describe_certificate(bundle.cert)
        return facts.fingerprint == current, facts.not_before, facts.fingerprint

    return tuple(sorted(versions, key=age))
