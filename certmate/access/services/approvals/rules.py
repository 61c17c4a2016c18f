"""Rules: what needs approval, by whom. Changing one can need approval itself."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, models, transaction

from certmate.access import grants, policy
from certmate.access.actors import Actor
from certmate.access.models import ApprovalRule
from certmate.access.services.approvals.asking import Permit, require
from certmate.access.services.approvals.operations import OPERATIONS
from certmate.access.verbs import Verb
from certmate.core.errors import Conflict, InvalidRequest

LONGEST = timedelta(days=365)


def create_rule(
    *,
    actor: Actor,
    name: str,
    verb: str,
    role: str,
    required: int = 1,
    valid_for: timedelta = timedelta(days=3),
    kind: str = "",
    target_kind: str = "",
    target: str = "",
    is_enabled: bool = True,
) -> ApprovalRule:
    """Ask for approval from now on.

    `kind` is a model such as `certificates.certificate`; `target` the name of one object of
    `target_kind`. Raises InvalidRequest for a rule that nothing would ask for
    (`approval.rule_verb`) or that too few could decide about (`approval.rule_role`).
    """
    policy.require(actor, Verb.REQUEST, ApprovalRule)
    rule = ApprovalRule(name=name, verb=verb, required=required, valid_for=valid_for)
    rule.is_enabled = is_enabled
    _place(actor, rule, kind, target_kind, target)
    rule.role = _role(actor, role)
    _check(rule)
    permit = _ask(actor, Verb.REQUEST, rule, "access.create_rule", describe(rule))
    return _save(rule, permit)


def update_rule(
    *,
    actor: Actor,
    rule: ApprovalRule,
    verb: str | None = None,
    role: str | None = None,
    required: int | None = None,
    valid_for: timedelta | None = None,
    kind: str | None = None,
    target_kind: str | None = None,
    target: str | None = None,
    is_enabled: bool | None = None,
) -> ApprovalRule:
    """Change what is given. Requests that wait already keep what they were made under."""
    policy.require(actor, Verb.CHANGE, rule)
    rule = ApprovalRule.objects.get(pk=rule.pk)
    before = describe(rule)
    given = {"verb": verb, "required": required, "valid_for": valid_for, "is_enabled": is_enabled}
    for field, value in given.items():
        if value is not None:
            setattr(rule, field, value)
    place = {"kind": kind, "target_kind": target_kind, "target": target}
    if any(value is not None and value != before[field] for field, value in place.items()):
        wanted = {
            field: before[field] if value is None else value for field, value in place.items()
        }
        _place(actor, rule, **wanted)
    if role is not None and role != rule.role.name:
        rule.role = _role(actor, role)
    _check(rule)
    params = {"before": before, "after": describe(rule)}
    return _save(rule, _ask(actor, Verb.CHANGE, rule, "access.change_rule", params))


def delete_rule(*, actor: Actor, rule: ApprovalRule) -> None:
    """Ask for approval no more. Requests that wait already go on waiting."""
    policy.require(actor, Verb.DELETE, rule)
    permit = _ask(actor, Verb.DELETE, rule, "access.delete_rule", describe(rule))
    with transaction.atomic():
        permit.use()
        rule.delete()


def describe(rule: ApprovalRule) -> dict[str, Any]:
    """The rule as `create_rule` takes it, in plain values."""
    return {
        "name": rule.name,
        "verb": str(rule.verb),
        "kind": label(rule.kind),
        "target_kind": label(rule.target_type),
        "target": rule.target_repr,
        "role": rule.role.name,
        "required": rule.required,
        "valid_for": int(rule.valid_for.total_seconds()),
        "is_enabled": rule.is_enabled,
    }


def kinds() -> dict[str, type[models.Model]]:
    """The models that a rule can be about, by label."""
    return {operation.model._meta.label_lower: operation.model for operation in OPERATIONS.values()}


def containers() -> dict[str, type[models.Model]]:
    """The models that objects of those hang from, by label."""
    return {
        container._meta.label_lower: container
        for model in kinds().values()
        for container in grants.containers(model).values()
    }


def known_targets(actor: Actor, model: type[models.Model]) -> models.QuerySet[Any]:
    """The names of those objects of the model that the actor may make a rule about."""
    name = name_field(model)
    rows = policy.visible(actor, model._default_manager.all())
    return rows.order_by(name).values_list(name, flat=True)


def label(kind: ContentType | None) -> str:
    """`certificates.certificate`; "" for none."""
    return f"{kind.app_label}.{kind.model}" if kind else ""


def name_field(model: type[models.Model]) -> str:
    """What objects of the model are addressed by."""
    names = {field.name for field in model._meta.get_fields()}
    return next((name for name in ("name", "username") if name in names), "pk")


def create(actor: Actor, _: object, params: dict[str, Any]) -> ApprovalRule:
    """What an approved `access.create_rule` does."""
    return create_rule(actor=actor, **_read(params))


def change(actor: Actor, rule: ApprovalRule, params: dict[str, Any]) -> ApprovalRule:
    """What an approved `access.change_rule` does."""
    after = _read(params["after"])
    del after["name"]
    return update_rule(actor=actor, rule=rule, **after)


def delete(actor: Actor, rule: ApprovalRule, _: dict[str, Any]) -> None:
    """What an approved `access.delete_rule` does."""
    delete_rule(actor=actor, rule=rule)


def _read(params: dict[str, Any]) -> dict[str, Any]:
    return {**params, "valid_for": timedelta(seconds=params["valid_for"])}


def _ask(
    actor: Actor, verb: Verb, rule: ApprovalRule, operation: str, params: dict[str, Any]
) -> Permit:
    return require(actor=actor, verb=verb, target=rule, operation=operation, params=params)


def _save(rule: ApprovalRule, permit: Permit) -> ApprovalRule:
    try:
        with transaction.atomic():
            rule.save()
            permit.use(rule)
    except IntegrityError as error:
        raise Conflict(
            f"There is a rule {rule.name} by now.", code="approval.rule_exists", field="name"
        ) from error
    return rule


def _place(actor: Actor, rule: ApprovalRule, kind: str, target_kind: str, target: str) -> None:
    rule.kind = _known("kind", kind, kinds())
    models_by_label = {**kinds(), **containers()}
    rule.target_type = _known("target_kind", target_kind, models_by_label)
    rule.target_pk, rule.target_repr = "", target
    if bool(target) != (rule.target_type is not None):
        raise InvalidRequest(
            "Give both the kind and the name of the target, or neither.",
            code="approval.rule_target",
            field="target",
        )
    if rule.target_type is not None:
        rule.target_pk = _target(actor, models_by_label[target_kind], target)


def _target(actor: Actor, model: type[models.Model], name: str) -> str:
    field = name_field(model)
    rows = policy.visible(actor, model._default_manager.all())
    is_legible = name.isprintable() and (field != "pk" or name.isdigit())
    found = rows.filter(**{field: name}).first() if is_legible else None
    if found is None:
        raise InvalidRequest(
            f"There is no {model._meta.verbose_name} {name!r} that you may see.",
            code="approval.rule_target",
            field="target",
        )
    return str(found.pk)


def _known(
    field: str, wanted: str, models_by_label: dict[str, type[models.Model]]
) -> ContentType | None:
    if not wanted:
        return None
    if wanted not in models_by_label:
        known = ", ".join(sorted(models_by_label))
        raise InvalidRequest(f"Known: {known}.", code="approval.rule_kind", field=field)
    return ContentType.objects.get_for_model(models_by_label[wanted])


def _role(actor: Actor, name: str) -> Group:
    found = policy.visible(actor, Group.objects.all()).filter(name=name).first()
    if found is None:
        raise InvalidRequest(
            f"There is no role {name!r} that you may see.", code="approval.rule_role", field="role"
        )
    return found


def _check(rule: ApprovalRule) -> None:
    rule.full_clean(validate_unique=rule.pk is None)
    if not timedelta(minutes=1) <= rule.valid_for <= LONGEST:
        raise InvalidRequest(
            "From one minute to 365 days.", code="approval.rule_validity", field="valid_for"
        )
    if not any(_is_about(rule, model) for model in _asking(rule.verb)):
        raise InvalidRequest(
            "Nothing asks for approval of this verb on such objects.",
            code="approval.rule_verb",
            field="verb",
        )
    members = rule.role.user_set.filter(is_active=True).count()
    if rule.is_enabled and members < rule.required:
        raise InvalidRequest(
            f"{rule.role} has {members} active members; nothing could ever be approved.",
            code="approval.rule_role",
            field="role",
        )


def _asking(verb: str) -> list[type[models.Model]]:
    return [operation.model for operation in OPERATIONS.values() if operation.verb == verb]


def _is_about(rule: ApprovalRule, model: type[models.Model]) -> bool:
    name = model._meta.label_lower
    containers = {found._meta.label_lower for found in grants.containers(model).values()}
    fits = rule.target_type is None or label(rule.target_type) in {name, *containers}
    return fits and label(rule.kind) in ("", name)
