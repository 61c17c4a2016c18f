"""Authorities found, changed and deleted."""

from typing import TypedDict, Unpack

from django.db import transaction

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.services import find_team, give_to_team
from certmate.access.verbs import Verb
from certmate.audit.services import record as audit
from certmate.core import clock
from certmate.core.deleting import delete_unused
from certmate.core.errors import Conflict, InvalidRequest
from providers.acme.catalogue import CATALOGUE
from providers.choices import KeyState
from providers.models import Authority, CAAccount
from providers.services import accounts, ledger
from providers.services.crl_changes import publish_anew

RESERVED = frozenset({"import"})
"""What an address below /api/authorities means something else by."""
MOST_SHARDS = 1000
LONGEST_CRL_HOURS = 365 * 24
LONGEST_OCSP_HOURS = 10 * 24
"""CA/B BR 4.9.10, and within what is left of a responder's life when another takes its place."""


class Publishing(TypedDict, total=False):
    """How an authority publishes what it revokes. What is not said is as it was, or the model's
    default.
    """

    crl_shards: int
    crl_hours: int
    delta_crl_hours: int
    ocsp_hours: int


_BOUNDS = {
    "crl_shards": (1, MOST_SHARDS),
    "crl_hours": (1, LONGEST_CRL_HOURS),
    "delta_crl_hours": (0, LONGEST_CRL_HOURS),
    "ocsp_hours": (0, LONGEST_OCSP_HOURS),
}


def find_authority(actor: Actor, name: str, *, field: str = "authority") -> Authority:
    """The authority of that name. Raises InvalidRequest for one that the actor may not see."""
    found = policy.visible(actor, Authority.objects.all()).filter(name=name).first()
    if found is None:
        raise InvalidRequest(
            f"There is no authority {name!r} that you may use.",
            code="authority.unknown",
            field=field,
        )
    return found


def resolve_authority(*, actor: Actor, name: str = "") -> Authority:
    """The authority that was named, else the default one, or the only one that signs leaves.

    Raises InvalidRequest if that is not exactly one: nothing is signed by another than asked for.
    """
    if name:
        return find_authority(actor, name)
    seen = policy.visible(actor, Authority.objects.filter(keys__state=KeyState.ACTIVE))
    able = []
    for one in seen.order_by("name"):
        if one.disabled_at is None and not one.is_offline:
            able.append(one)
        elif one.is_default:
            # Another one in its place would be another CA than everybody means.
            raise Conflict(
                f"The default authority {one} is disabled, or its key waits for a passphrase; name "
                "another one.",
                code="authority.disabled",
            )
    return accounts.choose(able, wanted="that signs by itself", field="authority")


def update_authority(
    *,
    actor: Actor,
    authority: Authority,
    is_default: bool | None = None,
    disabled: bool | None = None,
    team: str | None = None,
    **publishing: Unpack[Publishing],
) -> Authority:
    """Change what is given. A disabled authority signs nothing but its CRLs and OCSP responders;
    `crl_shards` count from its next key on. With other hours all CRLs, or all OCSP answers, are
    made anew.
    """
    policy.require(actor, Verb.CHANGE, authority)
    with transaction.atomic():
        authority = Authority.objects.select_for_update().get(pk=authority.pk)
        if team is not None:
            owner = find_team(actor=actor, name=team)
            give_to_team(actor=actor, target=authority, team=owner)
        if is_default is not None:
            authority.is_default = is_default
        changed = {name for name, value in publishing.items() if getattr(authority, name) != value}
        for name, value in publishing.items():
            setattr(authority, name, value)
        if "ocsp_hours" in changed:
            ledger.answer_anew(authority)
        if changed & {"crl_hours", "delta_crl_hours"}:
            publish_anew(authority)
        if disabled is not None and disabled != (authority.disabled_at is not None):
            authority.disabled_at = clock.now() if disabled else None
            audit(authority, f"authority.{'disabled' if disabled else 'enabled'}")
        return save(actor, authority)


def delete_authority(*, actor: Actor, authority: Authority) -> None:
    """Forget an authority that has signed nothing. Raises Conflict (`authority.in_use`): what was
    signed has to stay revocable.
    """
    policy.require(actor, Verb.DELETE, authority)
    in_use = Conflict(
        f"{authority} has signed certificates, or something names it. Disable it instead: "
        "what it signed stays revocable.",
        code="authority.in_use",
    )
    delete_unused(authority, in_use)


def save(actor: Actor, authority: Authority) -> Authority:
    """Validate and save; a new default takes the place of the one that was it.

    Raises InvalidRequest (`authority.crl`, `authority.reserved`), Conflict (`authority.name`) for a
    name under which a CA is found already.
    """
    _require_sensible(authority)
    is_taken = CAAccount.objects.filter(name=authority.name).exists()
    if is_taken or authority.name in CATALOGUE:
        raise Conflict(
            f"{authority.name!r} names a CA account or a CA already; certificates name both alike.",
            code="authority.name",
            field="name",
        )
    return accounts.save(actor, authority, Authority.objects.filter(is_default=True))


def _require_sensible(authority: Authority) -> None:
    if authority.name in RESERVED:
        raise InvalidRequest(
            f"{authority.name!r} is part of an address: take another name.",
            code="authority.reserved",
            field="name",
        )
    for field, (least, most) in _BOUNDS.items():
        if not least <= getattr(authority, field) <= most:
            raise InvalidRequest(f"{least} to {most}.", code="authority.crl", field=field)
