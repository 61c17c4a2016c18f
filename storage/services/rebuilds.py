"""Rebuilds: asked for and cancelled. `storage.rebuilding` does them."""

from django.db import IntegrityError, transaction

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.requesters import asked_by
from certmate.access.verbs import Verb
from certmate.audit.context import request_id
from certmate.audit.services import record
from certmate.core import clock
from certmate.core.errors import Conflict
from certmate.core.jobs import enqueue_on_commit
from storage.models import StorageRebuild, StorageTarget
from storage.services.ending import cancel

RUN_REBUILD = "storage.run_rebuild"


def rebuild_target(
    *, actor: Actor, target: StorageTarget, issuer: str = "", auto_renew: bool = False
) -> StorageRebuild:
    """Have everything taken up that is at the target and that no table knows, after a lost database
    or from CertMate 2.x.

    `issuer` names the CA account or authority of certificates whose own one is not here. Without
    `auto_renew`, what no ledger here vouches for is kept and not renewed: whoever could write to
    the target could have had names certified that the accounts here can prove. Each certificate is
    taken up with the actor's rights. Raises Conflict (`storage.rebuilding`).
    """
    policy.require(actor, Verb.CHANGE, target)
    rebuild = StorageRebuild(
        target=target,
        issuer=issuer,
        auto_renew=auto_renew,
        next_attempt_at=clock.now(),
        **asked_by(actor),
        request_id=request_id()[:64],
    )
    try:
        with transaction.atomic():
            rebuild.save()
            told = {"issuer": issuer, "auto_renew": auto_renew, "rebuild": rebuild.pk}
            record(target, "storage_target.rebuild_requested", **told)
            enqueue_on_commit(RUN_REBUILD, rebuild.pk)
    except IntegrityError as error:
        raise Conflict(f"{target} is being rebuilt already.", code="storage.rebuilding") from error
    return rebuild


def cancel_rebuild(*, actor: Actor, rebuild: StorageRebuild) -> StorageRebuild:
    """Take up nothing further. What was taken up stays.

    Raises Conflict (`storage.rebuild_ended`).
    """
    policy.require(actor, Verb.CHANGE, rebuild.target)
    return cancel(rebuild, rebuild.target, "rebuild", code="storage.rebuild_ended")
