"""One certificate made of a prepared wish: the key if it is to be made here, the draft, the
signature, and everything that is kept of it.
"""

from collections.abc import Callable, Sequence

from certmate.access.services.approvals import Permit
from certmate.core import clock
from certmate.core.errors import Conflict, invalid_input
from certmate.pki.keys import KeyType, load_private_key, new_key, to_pem
from clients import issuing
from clients.choices import ClientState
from clients.issuing import Issue
from clients.models import ClientCertificate, ClientVersion
from clients.services.ours import authority_of, profile_of
from clients.services.wishes import Prepared
from providers.authority.building import check_asked, draft_leaf, spki_of
from providers.choices import RevocationReason
from providers.services import key_holders, revoking, signing

Also = Callable[[Sequence[ClientVersion]], None]


def nothing_else(versions: Sequence[ClientVersion]) -> None:
    """What is done besides, where nothing is."""


def require_signable(prepared: Prepared) -> None:
    """Raise now what the authority would refuse once somebody has approved."""
    own = signing.issuing(prepared.key)
    with invalid_input(""):
        check_asked(own, profile_of(prepared.certificate).rules, prepared.leaf())
    if prepared.request is not None:
        holder = issuing.holder(prepared.certificate.identifier)
        key_holders.require_certifiable([(prepared.request.key.spki_sha256, holder)])


def make(
    prepared: Prepared,
    *,
    permit: Permit,
    number: int = 1,
    private_key: str = "",
    event: str = "client_certificate.issued",
    also: Also = nothing_else,
) -> ClientVersion:
    """A version of the prepared certificate, kept and (unless its storage is away) stored.

    `private_key` (PEM) is one to use again. The permit is used up with what is kept.
    """
    certificate = prepared.certificate
    profile, key = profile_of(certificate), prepared.key
    private, spki = _key(prepared, private_key)
    with invalid_input(""):
        own = signing.issuing(key)
        drafted = draft_leaf(own, profile.rules, prepared.leaf(spki), now=clock.now())

    def settle(versions: Sequence[ClientVersion]) -> None:
        permit.use(certificate)
        also(versions)

    issue = Issue(certificate, drafted, private, number, event)
    return issuing.issue_all(key, profile, [issue], also=settle)[0]


def _key(prepared: Prepared, again: str) -> tuple[str | None, bytes]:
    """The private key (PEM) that is made or used again, and the public one (DER)."""
    if prepared.request is not None:
        return None, prepared.request.spki
    key = load_private_key(again) if again else new_key(KeyType(prepared.certificate.key_type))
    return again or to_pem(key), spki_of(key.public_key())


def supersede(version: ClientVersion) -> None:
    """Revoke a version because another has taken its place, in the caller's transaction."""
    if version.entry is None or version.revoked_at is not None:
        return
    revoking.revoke(version.entry, RevocationReason.SUPERSEDED)


def require_renewable(certificate: ClientCertificate) -> None:
    """Raise for a certificate that is no longer to be trusted, or was never issued here."""
    authority_of(certificate)
    if certificate.state == ClientState.PENDING:
        raise Conflict(f"{certificate} waits for approval.", code="client.pending")
    if certificate.state != ClientState.ACTIVE:
        raise Conflict(
            f"{certificate} is {certificate.get_state_display().lower()}. Release it from hold, or "
            "ask for a new one.",
            code="client.revoked",
        )
