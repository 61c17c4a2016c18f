"""The ACME operations, for the rest of CertMate. Each runs in an isolated child.

Importing this is cheap: certbot, acme and josepy are imported in the child alone.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from certmate.core.errors import InvalidRequest, UpstreamRejected
from providers.acme import plan
from providers.acme.account import AccountRef
from providers.acme.plan import IssueRequest, ProbeRequest
from providers.acme.runner import HARD_LIMIT, Unwatched, Watch, run

TRIAL_LIMIT = timedelta(minutes=2)
"""For one record to be written and removed, besides the wait until it is served."""


@dataclass(frozen=True)
class IssuedChain:
    """What the CA issued, in PEM: the certificate, then the intermediates up to the root."""

    cert: str
    chain: str


@dataclass(frozen=True)
class Registered:
    """An account's URI at its CA, and the profiles that the CA offers: their names with what it
    says about each.
    """

    uri: str
    profiles: dict[str, str]


@dataclass(frozen=True)
class Probed:
    """A trial of a DNS account that worked. `is_seen` is False where the zone's name servers could
    not be found, so that only the writing and removing was tried.
    """

    record: str
    is_seen: bool


def register(
    account: AccountRef,
    *,
    email: str = "",
    eab_kid: str = "",
    eab_hmac_key: str = "",
    watch: Watch | None = None,
) -> Registered:
    """Registers our own key at the CA.

    The same key gives the same account (RFC 8555 §7.3.1), so that repeating it after a crash is
    safe. The CA's terms of service are agreed to.
    """
    request = plan.plan_register(account, email=email, eab_kid=eab_kid, eab_hmac_key=eab_hmac_key)
    result = run(request, watch=watch or Unwatched())
    return Registered(result["uri"], result["profiles"])


def issue(request: IssueRequest, watch: Watch) -> IssuedChain:
    """Gets a certificate for the request's CSR.

    Each order's URL goes to `watch.order_created` before anything else happens to it; given back as
    `resume_url`, the next attempt takes what the CA has issued meanwhile instead of a second one.
    """
    wanted = plan.plan_issue(request)
    if request.proof is not None and request.challenge == "dns-01":
        wanted["environment"] |= _ambient(request.proof.ambient)
    for share, publisher in zip(request.shares, wanted["publishers"], strict=True):
        publisher["environment"] |= _ambient(share.proof.ambient)
    wait = max(map(_wait, [wanted, *wanted["publishers"]]))
    result = run(wanted, watch=watch, timeout=HARD_LIMIT + wait)
    return IssuedChain(cert=result["cert"], chain=result["chain"])


def probe(request: ProbeRequest, watch: Watch) -> Probed:
    """Tries a DNS account: writes a record under `_acme-challenge` of the request's name, looks
    whether the zone's name servers serve it, and removes it.

    Raises an error of `providers.acme.failures`; its code says which of the three failed:
    `acme.dns_not_served`, `acme.dns_not_removed`, and any other means that it was not written.
    """
    wanted = plan.plan_probe(request)
    wanted["environment"] |= _ambient(request.proof.ambient)
    result = run(wanted, watch=watch, timeout=TRIAL_LIMIT + _wait(wanted))
    return Probed(record=result["record"], is_seen=result["seen"])


def _wait(wanted: Mapping[str, Any]) -> timedelta:
    publication = wanted["publication"] or {}
    return timedelta(seconds=publication.get("wait") or 0)


def _ambient(names: Sequence[str]) -> dict[str, str]:
    found = {name: os.environ[name] for name in names if name in os.environ}
    # The child's home is its workspace; boto3 would look for the profile there.
    for name, path in (
        ("AWS_CONFIG_FILE", "config"),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
    ):
        if name in names:
            found.setdefault(name, str(Path.home() / ".aws" / path))
    return found


def reason_number(reason: str, *, field: str = "reason") -> int:
    """The CRLReason (RFC 5280 §5.3.1) of that name. Raises InvalidRequest (`revocation.reason`)."""
    if reason not in plan.REVOCATION_REASONS:
        known = ", ".join(plan.REVOCATION_REASONS)
        raise InvalidRequest(
            f"Unknown revocation reason. Known: {known}.", code="revocation.reason", field=field
        )
    return plan.REVOCATION_REASONS[reason]


def revoke(
    account: AccountRef, *, cert_pem: str, reason: str = "unspecified", watch: Watch | None = None
) -> bool:
    """Revokes the certificate; False if the CA had it revoked before."""
    request = plan.plan_revoke(account, cert_pem=cert_pem, reason=reason_number(reason))
    try:
        run(request, watch=watch or Unwatched())
    except UpstreamRejected as error:
        if error.code == "acme.already_revoked":
            return False
        raise
    return True


def renewal_windows(
    account: AccountRef, *, cert_pems: Sequence[str], watch: Watch | None = None
) -> list[tuple[datetime | None, datetime]]:
    """For each certificate when the CA wants it renewed (RFC 9773) and when to ask again.

    The first is None where the CA offers no such information or cannot answer. It is drawn at
    random from the CA's window at each call: keep it.
    """
    request = plan.plan_renewal_windows(account, cert_pems=list(cert_pems))
    answers = run(request, watch=watch or Unwatched())["windows"]
    return [
        (datetime.fromisoformat(at) if at else None, datetime.fromisoformat(again))
        for at, again in answers
    ]
