"""Every way an ACME operation can fail: what it is called, whether to try again, what helps."""

from dataclasses import dataclass

from certmate.core.errors import (
    CertMateError,
    Deferred,
    UpstreamRejected,
    UpstreamUnavailable,
)


@dataclass(frozen=True)
class Failure:
    """One code's meaning. The class says whether trying again unchanged can help."""

    error: type[CertMateError]
    summary: str
    remedy: str


_NO, _LATER = UpstreamRejected, UpstreamUnavailable

FAILURES: dict[str, Failure] = {
    "acme.account_missing": Failure(
        _NO,
        "The CA does not know this account.",
        "The CA has forgotten or deactivated the account. Make a new CA account and reissue "
        "through it.",
    ),
    "acme.account_refused": Failure(
        _NO,
        "The CA refused the account.",
        "Read the CA's words: the account may be deactivated, or its key type may not be taken. "
        "Make a new CA account if it cannot be restored.",
    ),
    "acme.already_revoked": Failure(
        _NO,
        "The certificate is revoked already.",
        "Nothing is left to do: the CA has revoked it before.",
    ),
    "acme.bad_contact": Failure(
        _NO, "The CA refused the contact address.", "Correct the e-mail address of the CA account."
    ),
    "acme.bad_csr": Failure(
        _NO,
        "The CA refused the certificate request.",
        "Choose another key type, or names that this CA issues for; with a CSR of your own, make "
        "a new one.",
    ),
    "acme.bad_eab": Failure(
        _NO,
        "The CA refused the external account binding.",
        "Get a fresh EAB key id and HMAC key from the CA's portal and enter them in the CA "
        "account; "
        "some CAs let each pair be used only once.",
    ),
    "acme.bad_reason": Failure(
        _NO,
        "The CA does not take this revocation reason.",
        "Revoke with another reason, or with none.",
    ),
    "acme.budget": Failure(
        Deferred,
        "It is not its turn yet:",
        "Nothing needs to be done: what expires first goes first, and the next attempt is when "
        "there is room. The CA account says how many orders an hour it may place.",
    ),
    "acme.caa": Failure(
        _NO,
        "A CAA record forbids this CA.",
        "Add the CA's name to the CAA records of the domain or of its parent, or choose another "
        "CA.",
    ),
    "acme.challenge_unsupported": Failure(
        _NO,
        "The CA offers no way of proof that can be used here.",
        "Wildcard names need dns-01 and IP addresses need http-01: change the challenge, or "
        "split the names.",
    ),
    "acme.connection": Failure(
        _LATER,
        "The CA could not connect to the name.",
        "Check that the name resolves to this server and that port 80 is open to the CA from the "
        "Internet.",
    ),
    "acme.dns_capacity": Failure(
        _NO,
        "The DNS provider keeps too few values at one name:",
        "Put the name and its wildcard into certificates of their own, or delegate the challenge "
        "by CNAME to a zone at another provider.",
    ),
    "acme.dns_credentials": Failure(
        _NO,
        "The DNS provider refused the credentials.",
        "Check the DNS account: the key may be wrong, expired, or without the right to edit "
        "this zone.",
    ),
    "acme.dns_delegation": Failure(
        _NO,
        "A challenge is not delegated to the DNS account's zone.",
        "Publish the CNAME record that is named, in the zone of the certificate's name; or choose "
        "the DNS account that holds this zone.",
    ),
    "acme.dns_hook": Failure(
        _NO,
        "The hook script cannot be used.",
        "Put an executable regular file of that name into the hooks directory of every worker, "
        "and run it by hand to see why it fails.",
    ),
    "acme.dns_not_removed": Failure(
        _NO,
        "The record was published and seen, but not removed.",
        "Give the DNS account's key the right to delete records, and remove the record by hand.",
    ),
    "acme.dns_not_served": Failure(
        _LATER,
        "The record was published, but not every name server of the zone serves it.",
        "Raise the propagation seconds of the DNS account; look whether the zone is delegated to "
        "this provider's name servers and whether all of them answer.",
    ),
    "acme.dns_not_visible": Failure(
        _LATER,
        "The CA did not find the expected DNS answer.",
        "Check that the zone is delegated to this DNS account's provider and that its servers "
        "agree; "
        "raise the propagation seconds of the account if the record only needs longer.",
    ),
    "acme.dns_plugin": Failure(
        _NO,
        "The DNS record could not be published.",
        "Read what the DNS provider said, correct the DNS account and retry.",
    ),
    "acme.dns_unreachable": Failure(
        _LATER,
        "The DNS provider did not answer.",
        "Check that this machine reaches the DNS provider's API or server; it is tried again by "
        "itself.",
    ),
    "acme.dns_zone": Failure(
        _NO,
        "The DNS account has no zone for the name.",
        "Choose the DNS account that holds the zone, or give this account's key access to it.",
    ),
    "acme.interrupted": Failure(
        _LATER,
        "The work was interrupted.",
        "Nothing needs to be done: it is tried again and continues the same order. "
        "If it comes back, look whether the machine is short of memory.",
    ),
    "acme.malformed": Failure(
        _NO,
        "The CA's answer could not be understood, or it did not understand ours.",
        "Check that the directory URL is that of an ACME server (RFC 8555), and read the order's "
        "log.",
    ),
    "acme.plugin_missing": Failure(
        _NO,
        "The certbot plugin for this DNS provider is not installed:",
        "Install it with the named command in the environment of every worker, then retry.",
    ),
    "acme.profile": Failure(
        _NO,
        "The CA does not issue under this profile.",
        "Reissue with one of the profiles that the CA offers, or with fewer or other names; the CA "
        "account has its own, which counts where the certificate names none.",
    ),
    "acme.rate_limited": Failure(
        _LATER,
        "The CA's rate limit is reached.",
        "Wait: it is tried again when the CA allows it. Test with the CA's staging directory, "
        "and put names that belong together into one certificate.",
    ),
    "acme.rejected": Failure(
        _NO,
        "The CA rejected the request.",
        "Read the CA's words and its documentation for that error.",
    ),
    "acme.rejected_identifier": Failure(
        _NO,
        "The CA does not issue for this name.",
        "Correct the name, or choose a CA whose policy allows it.",
    ),
    "acme.revoke_refused": Failure(
        _NO,
        "The CA does not let this account revoke the certificate.",
        "Revoke with the CA account that the certificate was issued to.",
    ),
    "acme.server_error": Failure(
        _LATER,
        "The CA has a fault of its own.",
        "Wait: it is tried again by itself. Look at the CA's status page if it lasts.",
    ),
    "acme.timeout": Failure(
        _LATER,
        "It took too long.",
        "It is tried again by itself. If it comes back, look at the order's log for the step "
        "that hangs: "
        "the DNS account, a hook script or the CA.",
    ),
    "acme.unauthorized": Failure(
        _NO,
        "The CA was not convinced that the names are yours.",
        "For http-01, see that http://NAME/.well-known/acme-challenge/ reaches this CertMate and "
        "no other "
        "server, on every address of the name; else use dns-01.",
    ),
    "acme.unexpected": Failure(
        _LATER,
        "Something failed that should not.",
        "Read the order's log and report it. It is tried again by itself.",
    ),
    "acme.unreachable": Failure(
        _LATER,
        "The CA cannot be reached.",
        "Check the directory URL, the name resolution, the proxy and the firewall of this machine.",
    ),
    "acme.untrusted": Failure(
        _NO,
        "The CA's server has a certificate that is not trusted here.",
        "For a private CA, put its root certificate into the trust bundle of the CA account. "
        "For a public CA, look for a proxy that intercepts TLS.",
    ),
    "acme.url_refused": Failure(
        _NO,
        "The CA's directory leads to an address that CertMate does not call.",
        "The directory and all that it names must be https, without a redirect, and not a "
        "link-local, "
        "multicast or cloud metadata address.",
    ),
    "acme.user_action": Failure(
        _NO,
        "The CA wants something done by a person.",
        "Follow the CA's words, for example agree to its new terms of service, then retry.",
    ),
}

REMEDIES: dict[str, str] = {code: failure.remedy for code, failure in FAILURES.items()}
