"""What can be done to an object, and which token scope each of it needs."""

from enum import StrEnum


class Verb(StrEnum):
    """A verb's value is the prefix of the permission's codename: `renew` →
    `certificates.renew_certificate`.
    """

    VIEW = "view"
    REQUEST = "add"
    APPROVE = "approve"
    CHANGE = "change"
    DELETE = "delete"
    RENEW = "renew"
    REVOKE = "revoke"
    DOWNLOAD = "download"
    EXPORT_KEY = "export_key"
    SIGN = "sign"
    ADMINISTER = "administer"


class Scope(StrEnum):
    """What a token may be used for, within what its owner may do."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"
    AUDIT = "audit"


IMPLIED: dict[Scope, frozenset[Scope]] = {
    Scope.READ: frozenset({Scope.READ}),
    Scope.OPERATE: frozenset({Scope.READ, Scope.OPERATE}),
    Scope.ADMIN: frozenset(Scope),
    Scope.AUDIT: frozenset({Scope.AUDIT}),
}


def needed_scope(model: type, verb: Verb) -> Scope:
    """The scope for the verb. Deleting, granting and configuring need admin; a model may declare
    its own.

    `write_scope` and `read_scope` on a model name what it needs where that is not operate and read.
    """
    if verb in (Verb.VIEW, Verb.DOWNLOAD):
        return Scope(getattr(model, "read_scope", Scope.READ))
    if verb in (Verb.DELETE, Verb.ADMINISTER):
        return Scope.ADMIN
    return Scope(getattr(model, "write_scope", Scope.OPERATE))


def permissions(model: str, label: str, *verbs: Verb) -> list[tuple[str, str]]:
    """`Meta.permissions` for verbs beyond Django's own four, such as `renew_certificate`."""
    return [
        (f"{verb}_{model}", f"Can {verb.replace('_', ' ')} {label}")
        for verb in (*verbs, Verb.ADMINISTER)
    ]


def under(model: str, label: str) -> list[tuple[str, str]]:
    """`Meta.permissions` for what hangs from a container, such as `renew_under_team`."""
    return [
        (f"{verb}_under_{model}", f"Can {verb.replace('_', ' ')} what belongs to the {label}")
        for verb in Verb
    ]
