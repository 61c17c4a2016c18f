"""Who acts for the owner of a token: the owner, and who may administer a service account.

A token's own rows in the policy say what its owner and model permissions give; what is added here
follows from the service account that it belongs to.
"""

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.models import ApiToken, ServiceAccount
from certmate.access.verbs import Verb


def acts_for(actor: Actor, owner: User) -> bool:
    """May the actor have tokens in the name of this user?

    Who may administer a service account may act as it, unless everything is permitted to it.
    """
    user = actor.user
    if user is None:
        return True
    if not user.is_active:
        return False
    if owner == user or (user.is_superuser and actor.limits is None):
        return True
    account = ServiceAccount.objects.filter(user=owner).first()
    is_ordinary = account is not None and not owner.is_superuser
    return is_ordinary and policy.allowed(actor, Verb.ADMINISTER, account or ServiceAccount)


def whom(actor: Actor) -> QuerySet[User]:
    """The active users that the actor may make tokens for."""
    people = User.objects.filter(is_active=True).order_by("username")
    user = actor.user
    if user is None or (user.is_superuser and user.is_active and actor.limits is None):
        return people
    entrusted = Q(service_account__in=_accounts(actor), is_superuser=False)
    own = Q(pk=user.pk) if policy.allowed(actor, Verb.REQUEST, ApiToken) else Q(pk__in=[])
    return people.filter(own | entrusted)


def administers_any(actor: Actor) -> bool:
    """Is there a service account that the actor may have tokens for?"""
    return policy.possible(actor, Verb.ADMINISTER, ServiceAccount)


def allowed(actor: Actor, verb: Verb, token: ApiToken) -> bool:
    """May the actor view this token, or end it (CHANGE)? A token may so itself, however narrow."""
    if actor.token is not None and actor.token == token:
        return token.owner.is_active
    return policy.allowed(actor, verb, token) or _administered(actor).filter(pk=token.pk).exists()


def visible(actor: Actor, tokens: QuerySet[ApiToken]) -> QuerySet[ApiToken]:
    """Those of the tokens that the actor may see."""
    seen = Q(pk__in=policy.visible(actor, ApiToken.objects.all()).values("pk"))
    seen |= Q(pk__in=_administered(actor).values("pk"))
    if actor.token is not None:
        seen |= Q(pk=actor.token.pk)
    return tokens.filter(seen)


def _administered(actor: Actor) -> QuerySet[ApiToken]:
    accounts = _accounts(actor)
    return ApiToken.objects.filter(owner__service_account__in=accounts, owner__is_superuser=False)


def _accounts(actor: Actor) -> QuerySet[ServiceAccount]:
    return policy.visible(actor, ServiceAccount.objects.all(), Verb.ADMINISTER)
