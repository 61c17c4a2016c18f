"""Rebuilds: asked for and cancelled. `storage.rebuilding` does them."""

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb
from certmate.core.errors import Conflict
from storage.models import StorageRebuild, StorageTarget
from storage.services.work import ask_for, cancel

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
    return ask_for(
        StorageRebuild(target=target, issuer=issuer, auto_renew=auto_renew),
        target,
        RUN_REBUILD,
        actor=actor,
        is_open=Conflict(f"{target} is being rebuilt already.", code="storage.rebuilding"),
        issuer=issuer,
        auto_renew=auto_renew,
    )


def cancel_rebuild(*, actor: Actor, rebuild: StorageRebuild) -> StorageRebuild:
    """Take up nothing further. What was taken up stays.

    Raises Conflict (`storage.rebuild_ended`).
    """
    policy.require(actor, Verb.CHANGE, rebuild.target)
    has_ended = Conflict("The rebuild has ended.", code="storage.rebuild_ended")
    return cancel(rebuild, rebuild.target, has_ended=has_ended)
