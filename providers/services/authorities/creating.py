"""A new authority: a root, an intermediate below one of ours, or one below an outside CA."""

from collections.abc import Mapping, Sequence
from typing import Any, Unpack

from django.db import transaction

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.services import approvals, find_team
from certmate.access.verbs import Verb
from certmate.core.errors import InvalidRequest, invalid_input
from certmate.pki.constraints import parse_constraints
from certmate.pki.keys import KeyType
from certmate.pki.subject import parse_subject
from providers.authority.cas import path_below
from providers.authority.custody import CUSTODIES
from providers.choices import AuthorityKind
from providers.models import Authority, AuthorityKey
from providers.services.authorities import certifying
from providers.services.authorities.keeping import Publishing, find_authority, save
from providers.services.signing import require_opens, signing_key

DEFAULT_DAYS = {AuthorityKind.ROOT: 20 * 365, AuthorityKind.INTERMEDIATE: 10 * 365}
LONGEST_DAYS = 40 * 365


def create_authority(
    *,
    actor: Actor,
    name: str,
    kind: str,
    subject: Mapping[str, Any],
    parent: str = "",
    key_type: str = "ec384",
    custody: str = "",
    passphrase: str = "",
    parent_passphrase: str = "",
    validity_days: int | None = None,
    path_length: int | None = None,
    name_constraints: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
    is_default: bool = False,
    team: str = "",
    **publishing: Unpack[Publishing],
) -> Authority:
    """Make an authority with its first key.

    An intermediate without a parent waits with its CSR for `install_certificate`. A passphrase
    means the custody `passphrase`. Raises InvalidRequest, Conflict, and what `sign` raises.
    """
    policy.require_possible(actor, Verb.REQUEST, Authority)
    above = _parent(actor, kind, parent)
    with invalid_input("subject"):
        checked = parse_subject(subject)
    _require_own_subject(checked, above)
    with invalid_input("name_constraints"):
        limits = parse_constraints(name_constraints or {})
    authority = Authority(
        name=name,
        kind=kind,
        parent=above,
        subject=checked,
        key_type=_key_type(key_type),
        custody=_custody(custody, passphrase),
        validity_days=_days(kind, validity_days),
        path_length=path_length,
        name_constraints=limits,
        is_default=is_default,
        team=find_team(actor=actor, name=team),
        **publishing,
    )
    policy.require(actor, Verb.REQUEST, authority)
    signer = signing_key(above, for_leaf=False) if above else None
    if signer is not None:
        require_opens(signer, parent_passphrase, field="parent_passphrase")
        authority.path_length = _path_length(signer, path_length)
    permit = ask_to_sign(actor, above, authority) if above else approvals.Permit()
    return _make(
        actor,
        authority,
        signer,
        permit=permit,
        passphrase=passphrase,
        parent_passphrase=parent_passphrase,
    )


def ask_to_sign(actor: Actor, above: Authority, authority: Authority) -> approvals.Permit:
    """Leave for a CA below another. Whoever has it can sign what it can, so it is asked for with
    all that bounds it; a ticket, because no request keeps a passphrase.
    """
    return approvals.require(
        actor=actor,
        verb=Verb.SIGN,
        target=above,
        operation="providers.sign_authority",
        params={
            "name": authority.name,
            "subject": authority.subject,
            "key_type": authority.key_type,
            "validity_days": authority.validity_days,
            "path_length": authority.path_length,
            "name_constraints": authority.name_constraints,
        },
    )


def _make(
    actor: Actor,
    authority: Authority,
    signer: AuthorityKey | None,
    *,
    permit: approvals.Permit,
    passphrase: str,
    parent_passphrase: str,
) -> Authority:
    made = certifying.make_key(authority, passphrase)
    is_outside = signer is None and authority.kind == AuthorityKind.INTERMEDIATE
    csr = certifying.request_for(authority, made, passphrase) if is_outside else ""
    with transaction.atomic():
        permit.use(authority)
        save(actor, authority)
        key = certifying.keep_key(authority, made, csr)
    if not is_outside:
        certifying.certify(
            authority,
            key,
            made,
            passphrase=passphrase,
            signer=signer,
            signer_passphrase=parent_passphrase,
        )
    return authority


def _parent(actor: Actor, kind: str, name: str) -> Authority | None:
    if kind not in AuthorityKind.values:
        raise InvalidRequest(
            f"One of {', '.join(AuthorityKind.values)}.", code="authority.kind", field="kind"
        )
    if not name:
        return None
    if kind == AuthorityKind.ROOT:
        raise InvalidRequest(
            "A root has no parent: leave it out, or make an intermediate.",
            code="authority.parent",
            field="parent",
        )
    found = find_authority(actor, name, field="parent")
    # To sign a CA is more than to sign a leaf: it is asked of the parent itself.
    policy.require(actor, Verb.SIGN, found)
    return found


def _require_own_subject(subject: Mapping[str, str], above: Authority | None) -> None:
    """A CA of the same name as one above it looks self-signed, and no chain is built through it."""
    while above is not None:
        if above.subject == subject:
            raise InvalidRequest(
                f"The authority {above} has this subject: take another one.",
                code="authority.subject",
                field="subject",
            )
        above = above.parent


def _key_type(given: str) -> str:
    if given not in list(KeyType):
        raise InvalidRequest(
            f"One of {', '.join(KeyType)}.", code="authority.key_type", field="key_type"
        )
    return given


def _custody(given: str, passphrase: str) -> str:
    slug = given or ("passphrase" if passphrase else "database")
    if slug not in CUSTODIES:
        raise InvalidRequest(
            f"One of {', '.join(CUSTODIES)}.", code="authority.custody", field="custody"
        )
    if passphrase and not CUSTODIES[slug].needs_passphrase:
        raise InvalidRequest(
            f"A key in {CUSTODIES[slug].label} has no passphrase.",
            code="authority.custody",
            field="passphrase",
        )
    return slug


def _days(kind: str, days: int | None) -> int:
    if days is None:
        return DEFAULT_DAYS[AuthorityKind(kind)]
    if not 1 <= days <= LONGEST_DAYS:
        raise InvalidRequest(
            f"1 to {LONGEST_DAYS} days.", code="authority.validity", field="validity_days"
        )
    return days


def _path_length(signer: AuthorityKey, wanted: int | None) -> int | None:
    """As wanted, within what the CA above allows; 0 by default: no further CA below."""
    most = path_below(signer.cert)
    if most is not None and most < (wanted or 0):
        raise InvalidRequest(
            f"The path length of {signer.authority} allows at most {most} here."
            if most >= 0
            else f"The path length of {signer.authority} allows no CA below it.",
            code="authority.path_length",
            field="path_length",
        )
    return wanted or 0
