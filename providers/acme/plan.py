"""What the isolated child is asked to do, as plain JSON. Pure: no file, no network, no certbot."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from providers.acme.account import AccountRef
from providers.dns.provider import MULTI
from providers.dns.render import Rendered

Challenge = Literal["dns-01", "http-01"]

HTTP01_AUTHENTICATOR, RELAY_AUTHENTICATOR = "certmate-http01", "certmate-relay"

# Relative: the child works inside its workspace, whose place is unknown here.
CSR_FILE, CERT_FILE, CHAIN_FILE, FULLCHAIN_FILE = (
    "request.pem",
    "cert.pem",
    "chain.pem",
    "fullchain.pem",
)
CONFIG_DIR, WORK_DIR, LOGS_DIR = "config", "work", "logs"
_QUIET = (
    *("--non-interactive", "--max-log-backups", "0"),
    *("--config-dir", CONFIG_DIR, "--work-dir", WORK_DIR, "--logs-dir", LOGS_DIR),
)

TRIAL_SECONDS, LONGEST_TRIAL = 60, 120

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
class Publication:
    """Where dns-01 answers go: `zones` that the DNS account writes, and `delegated` zones elsewhere
    whose challenges lead to them by CNAME. `resolvers` (address or address:port) are asked for the
    way, the system's if there are none; name servers are asked at `port`.
    """

    zones: tuple[str, ...] = ()
    delegated: tuple[str, ...] = ()
    resolvers: tuple[str, ...] = ()
    port: int = 53


@dataclass(frozen=True)
class Share:
    """The names of a certificate that one DNS account proves, where it takes several accounts."""

    account: str
    names: tuple[str, ...]
    proof: Rendered
    publication: Publication


@dataclass(frozen=True)
class IssueRequest:
    """One certificate to get: for this CSR, from this account, with control proved in this way.

    dns-01 needs a `proof`, which is a rendered DNS account, or several `shares`. `hooks_dir` is
    where the scripts of a hook account are looked up. `resume_url` is the order that an earlier
    attempt opened. `profile` is the CA's kind of certificate; without one it chooses itself.
    `dns_timeout` bounds, in seconds, one question to a DNS server that does not answer.
    """

    account: AccountRef
    csr_pem: str
    challenge: Challenge
    proof: Rendered | None = None
    hooks_dir: str = ""
    resume_url: str = ""
    preferred_chain: str = ""
    profile: str = ""
    dns_timeout: int = 10
    publication: Publication = Publication()
    shares: tuple[Share, ...] = ()


def plan_issue(request: IssueRequest) -> dict[str, Any]:
    """The child's request for an issuance; its `secrets` may appear nowhere in what comes back."""
    plan = _common("issue", request.account)
    plan |= {
        "csr": request.csr_pem,
        "profile": request.profile,
        "resume_url": request.resume_url,
        "publishers": [_publisher(share, request) for share in request.shares],
    }
    if request.challenge == "http-01":
        plan |= _UNPROVEN | {"authenticator": HTTP01_AUTHENTICATOR, "package": ""}
    elif request.shares:
        plan |= _UNPROVEN | {"authenticator": RELAY_AUTHENTICATOR, "package": ""}
        plan["secrets"] += [secret for share in request.shares for secret in share.proof.secrets]
    else:
        if request.proof is None:
            raise ValueError("dns-01 needs a rendered DNS account")
        plan |= _proof(request.proof, request.hooks_dir, request.publication, request.dns_timeout)
        plan["secrets"] += request.proof.secrets
    plan["argv"] = [*_certbot(request, plan["authenticator"]), *plan.pop("arguments")]
    return plan


def _publisher(share: Share, request: IssueRequest) -> dict[str, Any]:
    plan = _alone(share.proof, request.hooks_dir, share.publication, request.dns_timeout)
    names = list(share.names)
    return plan | {"operation": "publish", "account": share.account, "names": names}


@dataclass(frozen=True)
class ProbeRequest:
    """A DNS account to try: write a record for `name`, see it served, remove it."""

    name: str
    proof: Rendered
    hooks_dir: str = ""
    dns_timeout: int = 10
    publication: Publication = Publication()


def plan_probe(request: ProbeRequest) -> dict[str, Any]:
    """The child's request for a trial of a DNS account."""
    plan = _alone(request.proof, request.hooks_dir, request.publication, request.dns_timeout)
    return plan | {
        "operation": "probe",
        "name": request.name,
        "secrets": [*request.proof.secrets],
        "publication": plan["publication"] | {"wait": _patience(request.proof)},
    }


def _alone(
    proof: Rendered, hooks_dir: str, publication: Publication, dns_timeout: int
) -> dict[str, Any]:
    """What a plugin needs that is run without a CA."""
    plan = _proof(proof, hooks_dir, publication, dns_timeout)
    argv = ["certonly", *_QUIET, "--authenticator", plan["authenticator"]]
    return plan | {"argv": [*argv, *plan.pop("arguments")], "trust_bundle": ""}


def _patience(proof: Rendered) -> int:
    """A trial looks at the servers even where the plugin has waited by itself, and not for as long
    as an order: somebody waits for it.
    """
    return TRIAL_SECONDS if proof.wait is None else min(proof.wait, LONGEST_TRIAL)


def _certbot(request: IssueRequest, authenticator: str) -> list[str]:
    argv = ["certonly", *_QUIET, "--server", request.account.directory_url]
    argv += ["--authenticator", authenticator, "--preferred-challenges", request.challenge]
    argv += ["--csr", CSR_FILE, "--cert-path", CERT_FILE]
    argv += ["--chain-path", CHAIN_FILE, "--fullchain-path", FULLCHAIN_FILE]
    if request.preferred_chain:
        argv += ["--preferred-chain", request.preferred_chain]
    if request.profile:
        # With the name in the same word, so that none is taken for an option.
        argv += [f"--required-profile={request.profile}"]
    return argv


_UNPROVEN: dict[str, Any] = {
    "arguments": (),
    "files": [],
    "environment": {},
    "hooks": None,
    "own": {},
    "hosts": [],
    "is_ambient": False,
    "publication": None,
}


def _proof(
    proof: Rendered, hooks_dir: str, publication: Publication, dns_timeout: int
) -> dict[str, Any]:
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
        "arguments": [*proof.arguments, *_lego_resolvers(proof, publication)],
        "dns_timeout": dns_timeout,
        "files": [{"option": f.option, "content": f.content} for f in proof.files],
        "environment": dict(proof.environment),
        "is_ambient": bool(proof.ambient),
        "hooks": hooks,
        "own": dict(proof.own),
        "hosts": list(proof.hosts),
        "publication": asdict(publication)
        | {
            "wait": proof.wait,
            "capacity": proof.capacity,
            "target": proof.target,
            "server": proof.server,
        },
    }


def _lego_resolvers(proof: Rendered, publication: Publication) -> list[str]:
    if proof.package != MULTI or not publication.resolvers:
        return []
    return ["--dns-multi-nameservers", ",".join(publication.resolvers)]


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
