"""CAs that were made elsewhere, and certificates that outside CAs give to keys of ours."""

from typing import Unpack

from django.db import transaction

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.services import find_team
from certmate.access.verbs import Verb
from certmate.core import clock
from certmate.core.errors import Conflict, InvalidRequest, invalid_input
from certmate.pki.inspect import split_chain
from certmate.pki.keys import load_private_key, to_pem
from providers.authority import cas
from providers.authority.building import spki_hash
from providers.authority.custody import CUSTODIES
from providers.authority.custody.base import MadeKey
from providers.choices import AuthorityKind, KeyState
from providers.models import Authority, AuthorityKey
from providers.services.authorities import certifying
from providers.services.authorities.keeping import Publishing, save


def import_authority(
    *,
    actor: Actor,
    name: str,
    certificate: str,
    private_key: str,
    key_password: str = "",
    chain: str = "",
    custody: str = "database",
    passphrase: str = "",
    is_default: bool = False,
    team: str = "",
    **publishing: Unpack[Publishing],
) -> Authority:
    """Take over a CA with its key. What it has signed before is not in the ledger.

    `key_password` opens the key that is brought, `passphrase` is for the custody of that name.
    """
    policy.require_possible(actor, Verb.REQUEST, Authority)
    keeper = CUSTODIES.get(custody)
    if keeper is None or keeper.adopt is None:
        known = ", ".join(slug for slug, one in CUSTODIES.items() if one.adopt is not None)
        raise InvalidRequest(
            f"A key from elsewhere can be kept in: {known}.",
            code="authority.custody",
            field="custody",
        )
    with invalid_input("private_key"):
        pem = to_pem(load_private_key(private_key, key_password))
        made = keeper.adopt(pem, passphrase=passphrase)
    _require_unknown(made)
    cert = _one(certificate)
    with invalid_input("certificate"):
        brought = cas.check_brought(cert, _chain(chain), made.public_key, clock.now())
    authority = Authority(
        name=name,
        kind=AuthorityKind.ROOT if brought.is_root else AuthorityKind.INTERMEDIATE,
        subject=brought.subject,
        key_type=brought.key_type,
        custody=custody,
        validity_days=brought.validity_days,
        path_length=brought.path_length,
        name_constraints=brought.name_constraints,
        is_default=is_default,
        team=find_team(actor=actor, name=team),
        **publishing,
    )
    policy.require(actor, Verb.REQUEST, authority)
    with transaction.atomic():
        save(actor, authority)
        key = certifying.keep_key(authority, made)
        key.outside_chain = brought.chain
        certifying.put_into_use(key, cert)
    return authority


def install_certificate(
    *, actor: Actor, authority: Authority, certificate: str, chain: str = ""
) -> AuthorityKey:
    """Put the certificate of an outside CA to the key that waits for it, and use that from now on.

    Raises Conflict (`authority.not_waiting`), InvalidRequest for a certificate that does not fit.
    """
    policy.require(actor, Verb.CHANGE, authority)
    cert, above = _one(certificate), _chain(chain)
    with transaction.atomic():
        locked = Authority.objects.select_for_update().get(pk=authority.pk)
        key = locked.keys.filter(state=KeyState.WAITING).exclude(csr="").first()
        if key is None:
            raise Conflict(
                f"No key of {authority} waits for a certificate.", code="authority.not_waiting"
            )
        with invalid_input("certificate"):
            brought = cas.check_brought(cert, above, cas.public_key_of(key.csr), clock.now())
        key.outside_chain = brought.chain
        locked.subject, locked.path_length = brought.subject, brought.path_length
        locked.name_constraints = brought.name_constraints
        locked.save()
        key.authority = locked
        certifying.put_into_use(key, cert)
    return key


def _require_unknown(made: MadeKey) -> None:
    if AuthorityKey.objects.filter(public_key_hash=spki_hash(made.public_key)).exists():
        raise Conflict(
            "An authority has this key already.", code="authority.key_known", field="private_key"
        )


def _one(pem: str) -> str:
    with invalid_input("certificate"):
        found = split_chain(pem)
    if len(found) != 1:
        raise InvalidRequest(
            "Give one certificate in PEM here, and those above it as the chain.",
            code="authority.certificate",
            field="certificate",
        )
    return found[0]


def _chain(pem: str) -> str:
    with invalid_input("chain"):
        return "".join(split_chain(pem)) if pem.strip() else ""
