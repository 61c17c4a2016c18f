"""Which rules are about a call, and whether what they asked for is there."""

from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Q

from certmate.access import grants, policy
from certmate.access.models import Approval, ApprovalRule, Requirement, Vote
from certmate.access.verbs import Verb


def matching(verb: Verb, target: models.Model) -> models.QuerySet[ApprovalRule]:
    """The enabled rules about the verb on this object, which need not be saved yet."""
    target = policy.root(target)
    kind = ContentType.objects.get_for_model(target)
    where = Q(target_type=None)
    if target.pk is not None:
        where |= Q(target_type=kind, target_pk=str(target.pk))
    for field, container in grants.containers(type(target)).items():
        pk = getattr(target, f"{field}_id")
        if pk is not None:
            parent = ContentType.objects.get_for_model(container)
            where |= Q(target_type=parent, target_pk=str(pk))
    rules = ApprovalRule.objects.filter(Q(kind=None) | Q(kind=kind), where)
    return rules.filter(verb=verb, is_enabled=True).select_related("role")


def aimed_at(
    verb: Verb, container: type[models.Model], *, kind: type[models.Model]
) -> frozenset[str]:
    """The primary keys of those of these containers that an enabled rule about the verb on objects
    of the kind names.
    """
    of = ContentType.objects.get_for_model
    rules = ApprovalRule.objects.filter(Q(kind=None) | Q(kind=of(kind)), target_type=of(container))
    named = rules.filter(verb=verb, is_enabled=True).values_list("target_pk", flat=True)
    return frozenset(str(pk) for pk in named)


def is_satisfied(approval: Approval) -> bool:
    """Whether every rule has its approvals, from people who are active members of its role now."""
    fresh = Approval.objects.prefetch_related("requirements", "votes__user__groups")
    asked = fresh.get(pk=approval.pk).requirements.all()
    return all(given(requirement) >= requirement.required for requirement in asked)


def given(requirement: Requirement) -> int:
    """How many approvals count for this rule, as far as the rows are fetched already."""
    return sum(_counts(vote, requirement) for vote in requirement.approval.votes.all())


def _counts(vote: Vote, requirement: Requirement) -> bool:
    user = vote.user
    if user is None or not vote.approves or not user.is_active:
        return False
    return requirement.role_id in [group.pk for group in user.groups.all()]
