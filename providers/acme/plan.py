"""What the isolated child is asked to do, as plain JSON. Pure: no file, no network, no certbot."""

from dataclasses import dataclass
from typing import Any, Literal

from providers.acme.account import AccountRef
from providers.dns.render import Rendered

Challenge = Literal["dns-01", "http-01"]

HTTP01_AUTHENTICATOR = "certmate-http01"

# Relative: the child works inside its workspace, whose place is unknown here.
CSR_FILE, CERT_FILE, CHAIN_FILE, FULLCHAIN_FILE = (
    "request.pem",
    "cert.pem",
    "chain.pem",
    "fullchain.pem",
)
CONFIG_DIR, WORK_DIR, LOGS_DIR = "config", "work", "logs"

# RFC 5280 §5.3.1. 7 is unused there, and removeFromCRL (8) undoes a hold that no ACME CA makes.
REVOCATION_REASONS = {
    "unspecified": 0,
    "keyCompromise": 1,
    "cACompromise": 2,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
    "certificateHold": 6,
    "privilegeWithdrawn": 9,
    "aACompromise": 10,
}


@dataclass(frozen=True)
class IssueRequest:
    """One certificate to get: for this CSR, from this account, with control proved in this way.

    `proof` is a rendered DNS account and needed for dns-01. `hooks_dir` is where the scripts of a
    hook account are looked up. `resume_url` is the order that an earlier attempt opened.
    `dns_timeout` bounds, in seconds, one question to a DNS server that does not answer.
    """

    account: AccountRef
    csr_pem: str
    challenge: Challenge
    proof: Rendered | None = None
    hooks_dir: str = ""
    resume_url: str = ""
    preferred_chain: str = ""
    dns_timeout: int = 10


def plan_issue(request: IssueRequest) -> dict[str, Any]:
    """The child's request for an issuance; its `secrets` may appear nowhere in what comes back."""
    plan = _common("issue", request.account)
    plan |= {
        "csr": request.csr_pem,
        "resume_url": request.resume_url,
        "dns_timeout": request.dns_timeout,
        "files": [],
        "environment": {},
        "hooks": None,
        "is_ambient": False,
    }
    if request.challenge == "http-01":
        arguments: tuple[str, ...] = ()
        plan |= {"authenticator": HTTP01_AUTHENTICATOR, "package": ""}
    else:
        if request.proof is None:
            raise ValueError("dns-01 needs a rendered DNS account")
        arguments = request.proof.arguments
        plan |= _proof(request.proof, request.hooks_dir)
        plan["secrets"] += request.proof.secrets
    plan["argv"] = [*_certbot(request, plan["authenticator"]), *arguments]
    return plan


def _certbot(request: IssueRequest, authenticator: str) -> list[str]:
    argv = ["certonly", "--non-interactive", "--max-log-backups", "0"]
    argv += ["--config-dir", CONFIG_DIR, "--work-dir", WORK_DIR, "--logs-dir", LOGS_DIR]
    argv += ["--server", request.account.directory_url]
    argv += ["--authenticator", authenticator, "--preferred-challenges", request.challenge]
    argv += ["--csr", CSR_FILE, "--cert-path", CERT_FILE]
    argv += ["--chain-path", CHAIN_FILE, "--fullchain-path", FULLCHAIN_FILE]
    if request.preferred_chain:
        argv += ["--preferred-chain", request.preferred_chain]
    return argv


def _proof(proof: Rendered, hooks_dir: str) -> dict[str, Any]:
    hooks = None
    if proof.hooks is not None:
        hooks = {
            "directory": hooks_dir,
            "auth": proof.hooks.auth,
            "cleanup": proof.hooks.cleanup,
            "environment": dict(proof.hooks.environment),
        }
    return {
        "authenticator": proof.authenticator,
        "package": proof.package,
        "files": [{"option": f.option, "content": f.content} for f in proof.files],
        "environment": dict(proof.environment),
        "is_ambient": bool(proof.ambient),
        "hooks": hooks,
    }


def plan_register(
    account: AccountRef, *, email: str, eab_kid: str, eab_hmac_key: str
) -> dict[str, Any]:
    """The child's request for a registration with our own key."""
    plan = _common("register", account)
    plan |= {"email": email, "eab": None}
    if eab_kid:
        plan["eab"] = {"kid": eab_kid, "hmac_key": eab_hmac_key}
        plan["secrets"].append(eab_hmac_key)
    return plan


def plan_revoke(account: AccountRef, *, cert_pem: str, reason: int) -> dict[str, Any]:
    """The child's request for a revocation (RFC 8555 §7.6)."""
    return _common("revoke", account) | {"certificate": cert_pem, "reason": reason}


def plan_renewal_windows(account: AccountRef, *, cert_pems: list[str]) -> dict[str, Any]:
    """The child's request for renewal information (RFC 9773)."""
    return _common("renewal_windows", account) | {"certificates": cert_pems}


def _common(operation: str, account: AccountRef) -> dict[str, Any]:
    return {
        "operation": operation,
        "directory_url": account.directory_url,
        "account": {"key_pem": account.key_pem, "uri": account.uri},
        "trust_bundle": account.trust_bundle,
        "secrets": [account.key_pem],
    }
