"""A new key for an authority, while certificates of the old one go on to be trusted."""

from django.db import transaction

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb
from certmate.core import clock
from certmate.core.errors import Conflict
from providers.choices import AuthorityKind, KeyState
from providers.models import Authority, AuthorityKey
from providers.services.authorities import certifying
from providers.services.authorities.creating import ask_to_sign
from providers.services.signing import is_revoked, require_opens, signing_key


def rotate_authority(
    *,
    actor: Actor,
    authority: Authority,
    passphrase: str = "",
    parent_passphrase: str = "",
) -> AuthorityKey:
    """Make a key under the same name and let it sign from now on.

    The old key's certificate stays valid and its CRLs go on, so both verify until it expires. A
    root's new key is certified by the old one as well, for those who trust only that. Of an
    authority that an outside CA certifies, the new key waits with its CSR.
    """
    policy.require(actor, Verb.CHANGE, authority)
    policy.require(actor, Verb.SIGN, authority)
    above = authority.parent
    signer = None
    if above is not None:
        policy.require(actor, Verb.SIGN, above)
        signer = signing_key(above, for_leaf=False)
        require_opens(signer, parent_passphrase, field="parent_passphrase")
        permit = ask_to_sign(actor, above, authority)
    else:
        present = authority.active_key()
        if present is not None:
            require_opens(present, passphrase)
        permit = ask_to_sign(actor, authority, authority)
    made = certifying.make_key(authority, passphrase)
    is_outside = above is None and authority.kind == AuthorityKind.INTERMEDIATE
    csr = certifying.request_for(authority, made, passphrase) if is_outside else ""
    with transaction.atomic():
        permit.use(authority)
        locked = Authority.objects.select_for_update().get(pk=authority.pk)
        before = locked.keys.filter(state=KeyState.ACTIVE).first()
        _drop_waiting(locked)
        key = certifying.keep_key(locked, made, csr)
    if not is_outside:
        certifying.certify(
            locked,
            key,
            made,
            passphrase=passphrase,
            signer=signer,
            signer_passphrase=parent_passphrase,
            cross_signer=_cross_signer(before) if above is None else None,
        )
    key.refresh_from_db()
    return key


def _cross_signer(before: AuthorityKey | None) -> AuthorityKey | None:
    """The key before, if anybody can trust what it signs now."""
    if before is None or not before.is_valid(clock.now()) or is_revoked(before):
        return None
    return before


def _drop_waiting(authority: Authority) -> None:
    """A key that never got its certificate, because of a crash or because nobody brought one."""
    for key in authority.keys.filter(state=KeyState.WAITING):
        if key.csr:
            raise Conflict(
                f"Key {key.number} of {authority} waits for its certificate: install that first.",
                code="authority.waiting",
            )
        key.state = KeyState.REPLACED
        key.save(update_fields=["state"])
