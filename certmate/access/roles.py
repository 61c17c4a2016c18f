"""The roles that come with CertMate: groups whose permissions are data and follow each release.

They are not edited; who needs another set makes a group of his own. A role is a rule over all
models, so that a new kind of object belongs to it without being named here.
"""

from collections.abc import Callable, Mapping

from django.apps import apps
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import models

from certmate.access.explain import is_governed
from certmate.access.verbs import Scope, Verb

V = Verb
_WORK = {V.VIEW, V.REQUEST, V.CHANGE, V.RENEW, V.REVOKE, V.DOWNLOAD, V.SIGN}
_AUDIT = {"auditlog.logentry", "audit.event"}
_PEOPLE = {"auth.user", "auth.group"}
_SCHEDULES = "django_celery_beat"

Rule = Callable[[str, bool, Verb], bool]
"""Of a model's label, whether changing it needs the admin scope, and a verb: does the role have
it?"""


def _viewer(label: str, is_configuration: bool, verb: Verb) -> bool:
    is_hidden = label in _PEOPLE or label.startswith(("audit.", "auditlog.", "access."))
    return verb == V.VIEW and (label == "access.team" or not is_hidden)


def _operator(label: str, is_configuration: bool, verb: Verb) -> bool:
    may_have_tokens = label == "access.apitoken" and verb == V.REQUEST
    works = not is_configuration and verb in _WORK and not label.startswith("access.")
    return _viewer(label, is_configuration, verb) or works or may_have_tokens


def _approver(label: str, is_configuration: bool, verb: Verb) -> bool:
    return (
        _viewer(label, is_configuration, verb)
        or verb == V.APPROVE
        or (label == "access.approval" and verb == V.VIEW)
    )


def _ca_administrator(label: str, is_configuration: bool, verb: Verb) -> bool:
    is_infrastructure = label.startswith(("providers.", "storage."))
    return (
        _operator(label, is_configuration, verb)
        or (is_infrastructure and verb not in (V.APPROVE, V.EXPORT_KEY))
        or (label in _PEOPLE and verb == V.VIEW)  # To whom to grant what.
    )


def _auditor(label: str, is_configuration: bool, verb: Verb) -> bool:
    return verb == V.VIEW


def _administrator(label: str, is_configuration: bool, verb: Verb) -> bool:
    return True


ROLES: Mapping[str, tuple[str, Rule]] = {
    "viewer": ("Sees certificates, accounts and targets.", _viewer),
    "operator": ("Requests, renews, revokes and downloads certificates.", _operator),
    "approver": ("Decides about requests that wait for approval.", _approver),
    "CA administrator": ("An operator who configures accounts and targets.", _ca_administrator),
    "auditor": ("Sees everything, the audit log included, and changes nothing.", _auditor),
    "administrator": ("Holds every permission, and may grant these.", _administrator),
}


def seed_roles(**_: object) -> None:
    """Make the groups, and give each exactly the permissions of its rule."""
    rights = _rights()
    for name, (_description, rule) in ROLES.items():
        group, _made = Group.objects.get_or_create(name=name)
        wanted = {
            right.pk for right, label, configures, verb in rights if rule(label, configures, verb)
        }
        if wanted != set(group.permissions.values_list("pk", flat=True)):
            group.permissions.set(wanted)


def is_role(group: Group) -> bool:
    """Whether the group is one of CertMate's own, whose permissions nobody edits."""
    return group.name in ROLES


def _rights() -> list[tuple[Permission, str, bool, Verb]]:
    kinds = {kind.pk: kind for kind in ContentType.objects.all()}
    found = []
    for right in Permission.objects.all():
        kind = kinds[right.content_type_id]
        model = kind.model_class()
        verb = right.codename.removesuffix(f"_{kind.model}")
        if model is not None and verb in set(Verb) and has_rights(model):
            label = f"{kind.app_label}.{kind.model}"
            configures = getattr(model, "write_scope", Scope.OPERATE) == Scope.ADMIN
            is_ours = label in _PEOPLE | _AUDIT or kind.app_label == _SCHEDULES
            found.append((right, label, configures or is_ours, Verb(verb)))
    return found


def has_rights(model: type[models.Model]) -> bool:
    """Whether permissions on the model mean anything: not on what is worked on as another object,
    nor on tables of the libraries.
    """
    app, label = model._meta.app_label, model._meta.label_lower
    return is_governed(model) or label in _AUDIT or app in ("audit", _SCHEDULES)


def ensure_permissions(**_: object) -> None:
    """Permissions on Django's own models that Django does not make: to give roles to people."""
    for label in sorted(_PEOPLE):
        model = apps.get_model(label)
        name = f"{Verb.ADMINISTER}_{model._meta.model_name}"
        Permission.objects.get_or_create(
            content_type=ContentType.objects.get_for_model(model),
            codename=name,
            defaults={"name": f"Can administer {model._meta.verbose_name}"},
        )
