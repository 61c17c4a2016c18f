"""Rebuilds carried out: what is at a target and in no table is taken up, bundle by bundle.

To look at a bundle again changes nothing: its versions are known by then.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain, islice
from typing import Any, ClassVar
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, transaction
from django.db.models import F

from certmate.access.requesters import actor_of
from certmate.core import clock
from certmate.core.errors import CertMateError, Conflict, InvalidRequest, LeaseLost
from certmate.core.stopping import is_stopping
from certmate.pki.bundle import Bundle
from certmate.pki.inspect import describe_certificate
from storage.adopting import ADOPTERS, Found, Home
from storage.backends.base import BundleRef
from storage.backends.failures import damaged
from storage.choices import FindState, WorkState
from storage.finding import Judged, current_of, judge, look
from storage.models import Mirror, RebuildItem, StorageRebuild, StorageTarget
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
        names, refs = [item.name for item in items], [_own_ref(item) for item in items]
        looks = list(self._map(partial(look, self.backend), names, refs))
        homes = self._homes(items, looks)
        wanted = [
            set() if isinstance(seen, CertMateError) else seen - homes.keys() for seen in looks
        ]
        read = self._map(partial(judge, self.backend), names, refs, wanted)
        for item, seen, judged in zip(items, looks, read, strict=True):
            failed = next((one for one in (seen, judged) if isinstance(one, CertMateError)), None)
            error = failed or self._adopt(item, seen, judged, homes)
            if error is not None and is_general(error):
                stopped = error
                continue
            item.state = FindState.FAILED if item.state == FindState.QUEUED else item.state
            item.error_code = error.code if error else ""
            item.error_detail = error.detail[:500] if error else ""
            settled.append(item)
        self._settle(settled)
        if stopped is not None:
            raise stopped

    def _homes(
        self, items: Sequence[RebuildItem], looks: Sequence[set[str] | CertMateError]
    ) -> Mapping[str, Sequence[Home]]:
        """Where what was seen is at home already, by fingerprint."""
        found: dict[str, Sequence[Home]] = {}
        for kind, adopter in ADOPTERS.items():
            seen = [
                name
                for item, names in zip(items, looks, strict=True)
                if item.kind == kind and not isinstance(names, CertMateError)
                for name in names
            ]
            for start in range(0, len(seen), _INSERT):
                found |= adopter.known(seen[start : start + _INSERT])
        return found

    def _settle(self, items: Sequence[RebuildItem]) -> None:
        """What was adopted before a crash here is known to the next worker."""
        states = Counter(item.state for item in items)
        counted = {name: F(name) + states[state] for name, state in _COUNTED.items()}
        with transaction.atomic():
            RebuildItem.objects.bulk_update(items, ["state", "error_code", "error_detail"])
            self.extend_lease(**counted)

    def _adopt(
        self, item: RebuildItem, seen: Any, judged: Judged, homes: Mapping[str, Sequence[Home]]
    ) -> CertMateError | None:
        """Have the apps take the versions up. Returns what is wrong: with the bundle, whose state
        is left as it is then, or with a version that is not current.
        """
        faults = {**judged.faults, **self._away(item, seen, homes)}
        if seen and not judged.whole and not faults:
            item.state = FindState.KNOWN
            return None
        try:
            return self._hand_over(item, seen, judged.whole, faults)
        except LeaseLost:
            raise
        except CertMateError as error:
            return error
        except ValidationError as error:
            return InvalidRequest(" ".join(error.messages), code="storage.unfit")
        except (IntegrityError, DataError):
            return Conflict(
                "No table takes it: the name or the version is taken, or a value is none.",
                code="storage.taken",
            )

    def _away(
        self, item: RebuildItem, seen: Any, homes: Mapping[str, Sequence[Home]]
    ) -> dict[str, CertMateError]:
        """What to say of versions that are at home elsewhere, and no copies for good here."""
        found: dict[str, CertMateError] = {}
        for fingerprint in sorted(seen & homes.keys()):
            targets = {target for name, target in homes[fingerprint] if name == item.name}
            if not targets:
                found[fingerprint] = Conflict(
                    "It is a version of another certificate here.", code="storage.taken"
                )
            elif self.target.pk not in targets and not self._is_mirror(item):
                found[fingerprint] = Conflict(
                    "Its certificate has its bundles at another target.", code="storage.elsewhere"
                )
        return found

    def _is_mirror(self, item: RebuildItem) -> bool:
        mirrors = Mirror.objects.filter(kind=item.kind, name=item.name, target=self.target)
        return mirrors.exists()

    def _hand_over(
        self,
        item: RebuildItem,
        seen: Any,
        versions: Sequence[Bundle],
        faults: dict[str, CertMateError],
    ) -> CertMateError | None:
        ref, looked_at = BundleRef(item.kind, item.name), clock.now()  # type: ignore[arg-type]
        if item.is_legacy and self.backend.versions(ref):
            # Somebody has stored one of ours meanwhile, which goes before what was left.
            item.state = FindState.KNOWN
            return None
        current = versions[-1].fingerprint if item.is_legacy else current_of(self.backend, ref)
        if isinstance(current, CertMateError) or current in faults:
            return current if isinstance(current, CertMateError) else faults[current]
        if current not in seen:
            return damaged("The current version is not one of those that are stored.")
        wrong = list(faults.values())
        if not versions:
            item.state = FindState.KNOWN
            return next(iter(wrong), None)
        found = Found(
            *(self.target, ref, _by_age(versions, current), current, looked_at),
            issuer=self.work.issuer,
            auto_renew=self.work.auto_renew,
            is_legacy=item.is_legacy,
        )
        if item.is_legacy:
            self._move_in(found)
        wrong += self._call(found)
        item.state = FindState.ADOPTED
        return next(iter(wrong), None)

    def _move_in(self, found: Found) -> None:
        """What CertMate 2.x has left goes where ours is, unless it would not be adopted there."""
        with transaction.atomic():
            self._call(found)
            # Tried out only: nothing says that the bundle is there before it is.
            transaction.set_rollback(True)
        store(target=self.target, ref=found.ref, bundle=found.versions[-1])

    def _call(self, found: Found) -> list[CertMateError]:
        with transaction.atomic():
            self.extend_lease()
            return ADOPTERS[found.ref.kind].adopt(actor_of(self.work), found)

    def _finish(self) -> None:
        failed = RebuildItem.objects.filter(rebuild=self.work, state=FindState.FAILED).exists()
        self.end(WorkState.INCOMPLETE if failed else WorkState.DONE)


def _own_ref(item: RebuildItem) -> BundleRef | None:
    return None if item.is_legacy else BundleRef(item.kind, item.name)  # type: ignore[arg-type]


def _by_age(versions: Sequence[Bundle], current: str) -> tuple[Bundle, ...]:
    """The newest last, and the current one after all, since that is what is in use."""

    def age(bundle: Bundle) -> Any:
        facts = describe_certificate(bundle.cert)
        return facts.fingerprint == current, facts.not_before, facts.fingerprint

    return tuple(sorted(versions, key=age))
