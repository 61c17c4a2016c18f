"""What somebody has to be allowed for an order, when it is placed and until the CA is asked."""

from certificates.choices import OrderKind
from certificates.models import Certificate, Order, Version
from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.requesters import present
from certmate.access.verbs import Verb
from certmate.core.errors import AccessDenied


def deciding_verb(order: Order) -> Verb:
    """What somebody has to be allowed to do to a certificate to decide about this order of it."""
    return Verb.REVOKE if order.kind == OrderKind.REVOKE else Verb.RENEW


def require_still(order: Order) -> None:
    """Raise AccessDenied (`access.withdrawn`) if whoever asked for the order may not do so now.

    Rights, the user and the token are read anew: they may have gone since the order was placed.
    """
    if order.by_system:
        return
    if not _may(actor_of(order), order):
        raise AccessDenied(
            "Whoever asked for this may not do so any more. Somebody who may can retry it.",
            code="access.withdrawn",
        )


def require_names(actor: Actor, version: Version) -> None:
    """Raise AccessDenied for a token that is for other names than this version has, which need not
    be those of its certificate now.
    """
    limits = actor.limits
    if limits is not None and not all(map(limits.match, version.names)):
        raise AccessDenied(f"{version} has names that this token is not for.", code="access.names")


def actor_of(order: Order) -> Actor:
    """Whoever asked for the order, with what that one may do now."""
    if order.by_system:
        return Actor.system()
    by_token = order.requested_token_id is not None
    return present(order.requested_by_id, order.requested_token_id, by_token=by_token)


def asked(order: Order) -> Certificate:
    """The certificate as the order wants it, to ask whether somebody may request it."""
    wanted = order.certificate
    return Certificate(
        names=order.names,
        team=wanted.team,
        ca_account=order.ca_account,
        authority=order.authority,
        dns_account=order.dns_account,
        storage_target_id=wanted.storage_target_id,
    )


def _may(actor: Actor, order: Order) -> bool:
    may_request = policy.allowed(actor, Verb.REQUEST, asked(order)) and _may_name(actor, order)
    if order.kind == OrderKind.ISSUE and may_request:
        return True
    may = policy.allowed(actor, deciding_verb(order), order.certificate)
    return may and (may_request or order.kind != OrderKind.REISSUE)


def _may_name(actor: Actor, order: Order) -> bool:
    """Whether they still see what they named, or what was chosen among all that they saw."""
    proofs = [account for account, _ in order.dns_accounts]
    named = (order.ca_account, order.authority, *proofs)
    return all(policy.allowed(actor, Verb.VIEW, one) for one in named if one is not None)
