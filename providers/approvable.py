"""The operations of this app that can need approval."""

from certmate.access.services.approvals import register
from certmate.access.verbs import Verb
from providers.models import Authority


def register_operations() -> None:
    """Called when the app starts. To sign a CA may need a passphrase, which no request keeps, and
    a line of the ledger may need leave for what it is for as well: these approvals are tickets.
    """
    register(
        "providers.sign_authority",
        label="Sign a CA",
        model=Authority,
        verb=Verb.SIGN,
    )
    register(
        "providers.revoke_entry",
        label="Revoke a certificate in the ledger",
        model=Authority,
        verb=Verb.REVOKE,
    )
