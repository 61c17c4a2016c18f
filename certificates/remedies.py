"""What a person can do about an order that failed, by the code of its error."""

from providers.acme.remedies import REMEDIES

_OTHERS = {
    "access.withdrawn": "Somebody who may do this retries the order; or give the right back first.",
    "account.unknown": "The account was removed: reissue the certificate with another one.",
    "acme.wrong_certificate": "Report this to the CA and do not use what it answered; retry, or "
    "choose another CA.",
    "authority.disabled": "Enable the authority again, or reissue from another.",
    "authority.expired": "Rotate the authority's key, then retry.",
    "authority.name_constraints": "Reissue with names inside the authority's name constraints, or "
    "from another authority.",
    "authority.revoked": "Reissue from another authority.",
    "authority.not_ready": "Install the authority's certificate, then retry.",
    "authority.offline": "Reissue from an intermediate below this authority.",
    "bundle.key_mismatch": "The CA answered with a certificate for another key. Renew; if it comes "
    "back, report it with the order's log.",
    "dns.no_account": "Add the zone to a DNS account, or name a DNS account by a reissue.",
    "internal": "CertMate itself failed. Its log has the details under the order's request id.",
    "internal.integrity": "Do not retry before the cause is known: read CertMate's log, and "
    "report it.",
    "key.authority": "The key is a CA's. Reissue without the CSR, or with one of a new key.",
    "key.blocked": "The key was compromised. Reissue without the CSR, or with one of a new key.",
    "key.other_holder": "The key is certified for another certificate. Reissue without the CSR, or "
    "with one of a new key; or revoke the other one first.",
    "ledger.given_up": "The signature came too late and is revoked. Retry: another serial number "
    "is signed.",
    "profile.key_type": "Reissue with a type of key that the profile takes.",
    "profile.san": "Reissue with names that the profile allows, or under another profile.",
    "profile.subject": "Reissue under a profile that allows the subject.",
    "profile.validity": "Reissue with a validity that the profile allows.",
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
