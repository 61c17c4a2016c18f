"""What the verbs on both kinds of account share."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from django.db import IntegrityError, transaction

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb
from certmate.core.deleting import delete_unused
from certmate.core.errors import Conflict, InvalidRequest
from providers.models import Authority, CAAccount, DNSAccount
from providers.models.accounts import Account

AccountT = TypeVar("AccountT", CAAccount, DNSAccount, Authority)


def require_for_everybody(actor: Actor, model: type[Account]) -> None:
    """What everybody's certificates go through is not decided by a grant on one account."""
    policy.require(actor, Verb.CHANGE, model)


def secret_needed(labels: str, field: str) -> InvalidRequest:
    """Who may change an account may not read its secrets, and so not send them elsewhere either."""
    return InvalidRequest(
        f"Give again what could go elsewhere by this change: {labels}.",
        code="account.secret_needed",
        field=field,
    )


def save(actor: Actor, account: AccountT, others: Iterable[AccountT]) -> AccountT:
    """Validate and save; a new default takes the place of the `others` that were it."""
    try:
        with transaction.atomic():
            before = list(others)
            if account.is_default and account not in before:
                require_for_everybody(actor, type(account))
                for other in before:
                    other.is_default = False
                    other.save(update_fields=["is_default"])
            account.full_clean()
            account.save()
    except IntegrityError as error:
        # Two of one name, or two defaults, saved at once: full_clean sees neither.
        raise Conflict(
            f"{account.name} was saved by somebody else at the same time. Look and try again.",
            code="account.conflict",
        ) from error
    return account


def delete(actor: Actor, account: CAAccount | DNSAccount) -> None:
    """Raises Conflict (`account.in_use`) while a certificate, version or order names the
    account.
    """
    policy.require(actor, Verb.DELETE, account)
    delete_unused(
        account,
        Conflict(
            f"{account.name} is used by certificates, versions or orders. Reissue them through "
            "another account and delete them first.",
            code="account.in_use",
        ),
    )


def choose(candidates: Sequence[AccountT], *, wanted: str, field: str) -> AccountT:
    """The one candidate, or the default among several. Raises InvalidRequest, never guesses."""
    defaults = [account for account in candidates if account.is_default]
    if len(candidates) == 1 or len(defaults) == 1:
        return (defaults or list(candidates))[0]
    if not candidates:
        raise InvalidRequest(
            f"There is no account {wanted} that you may use.", code="account.unknown", field=field
        )
    names = ", ".join(account.name for account in candidates[:10])
    raise InvalidRequest(
        f"There are several accounts {wanted} and none of them is the default: name one of "
        f"{names}.",
        code="account.ambiguous",
        field=field,
    )
