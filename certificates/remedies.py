"""What a person can do about an order that failed, by the code of its error."""

from providers.acme.remedies import REMEDIES

_OTHERS = {
    "access.withdrawn": "Somebody who may do this retries the order; or give the right back first.",
    "account.unknown": "The account was removed: reissue the certificate with another one.",
    "acme.wrong_certificate": "Report this to the CA and do not use what it answered; retry, or "
    "choose another CA.",
    "bundle.key_mismatch": "The CA answered with a certificate for another key. Renew; if it comes "
    "back, report it with the order's log.",
    "dns.no_account": "Add the zone to a DNS account, or name a DNS account by a reissue.",
    "internal": "CertMate itself failed. Its log has the details under the order's request id.",
    "internal.integrity": "Do not retry before the cause is known: read CertMate's log, and "
    "report it.",
    "secrets.unreadable": "The master key is not the one that this was encrypted with. Start "
    "CertMate with the right CERTMATE_MASTER_KEY.",
    "storage.damaged": "Something outside CertMate changed what is stored. Restore it, or renew.",
    "storage.unavailable": "Nothing is lost and the CA is not asked again: the bundle is stored as "
    "soon as the storage target answers. Verify the storage target.",
    "storage.version_differs": "Remove the foreign bundle from the storage target, then retry.",
    "version.unknown": "The version is gone. Choose the one to revoke again.",
}


def remedy(code: str) -> str:
    """One or two sentences; empty where nobody can say more than the error does."""
    return REMEDIES.get(code) or _OTHERS.get(code, "")
