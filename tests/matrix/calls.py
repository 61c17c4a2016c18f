"""What is sent: variables of addresses and bodies of calls, for the objects of one team."""

from itertools import pairwise
from typing import Any

from tests.matrix.walk import Operation, operations
from tests.matrix.world import Things
from tests.providers.authority import making

KINDS = {
    # A segment of the path, or two, and the model that the next variable names.
    "certificates": "certificates.certificate",
    "orders": "certificates.order",
    "ca-accounts": "providers.caaccount",
    "dns-accounts": "providers.dnsaccount",
    "storage-targets": "storage.storagetarget",
    "storage-migrations": "storage.storagemigration",
    "storage-mirrors": "storage.mirror",
    "storage-rebuilds": "storage.storagerebuild",
    "authorities": "providers.authority",
    "profiles": "providers.profile",
    "identities": "clients.identity",
    "client-certificates": "clients.clientcertificate",
    "client-certificates/csr": "clients.enrolment",
    "client-certificates/batch": "clients.batch",
    "teams": "access.team",
    "users": "auth.user",
    "roles": "auth.group",
    "tokens": "access.apitoken",
    "service-accounts": "access.serviceaccount",
    "approvals": "access.approval",
    "approval-rules": "access.approvalrule",
    "audit": "audit.event",
}
CATALOGUES = {"ca-providers": "acme", "dns-providers": "rfc2136", "storage-backends": "database"}
CONSTANT = {"number": 1, "part": "cert"}
"""Variables that are the same for every object: its first version, a part of its bundle."""

SPARE = {
    "delete_authority": "providers.authority",
    "delete_profile": "providers.profile",
    "get_authority_csr": "providers.authority",
    "install_authority_certificate": "providers.authority",
    "delete_identity": "clients.identity",
    "delete_client_certificate": "clients.clientcertificate",
    "release_client_certificate": "clients.clientcertificate",
    "submit_csr": "clients.enrolment",
    "delete_ca_account": "providers.caaccount",
    "delete_dns_account": "providers.dnsaccount",
    "delete_storage_target": "storage.storagetarget",
    "delete_team": "access.team",
}
"""What is deleted is nothing that anything hangs from; what gets its certificate has none yet."""

REFERENCES = {
    # Fields and parameters that name an object, and of which model.
    "ca": "providers.caaccount",
    "dns": "providers.dnsaccount",
    "account_id": "providers.dnsaccount",
    "authority": "providers.authority",
    "parent": "providers.authority",
    "profile": "providers.profile",
    "identity": "clients.identity",
    "storage": "storage.storagetarget",
    "source": "storage.storagetarget",
    "to": "storage.storagetarget",
    "team": "access.team",
    "certificate": "certificates.certificate",
    "user": "auth.user",
    "owner": "auth.user",
    "group": "auth.group",
    "role": "auth.group",
    "roles": "auth.group",
    "teams": "access.team",
    "target": "access.team",
}
PLAIN = {
    *(
        "auto_renew",
        "ca_provider",
        "challenge_type",
        "credentials",
        "delegated_zones",
        "orders_per_hour",
        "zone",
        "csr",
        "cursor",
        "directory_url",
    ),
    *("dns_provider", "domain", "eab_hmac_key", "eab_kid", "email", "enabled", "expires_after"),
    *("expires_before", "force", "format", "include_private", "is_default", "key_type", "kind"),
    *("limit", "name", "needs_renewal", "ordering", "parameters", "password", "paused"),
    *("propagation_seconds", "provider", "reason", "renewal_days", "san_domains", "search"),
    *("verb", "target_kind", "required", "valid_for", "is_enabled", "mine", "operation"),
    *("to_decide", "first", "second", "verbs", "under", "description", "is_active", "is_agent"),
    *("is_usable", "scopes", "expires_at", "name_patterns", "networks", "overlap_seconds"),
    *("actor", "actor_id", "actor_kind", "address", "event", "object_kind", "object_pk", "order"),
    *("request", "since", "token", "until"),
    *("state", "tags", "trust_bundle", "version", "wait", "zones", "backend"),
    *("chain", "child_passphrase", "crl_hours", "crl_shards", "custody", "delta_crl_hours"),
    *("disabled", "ocsp_hours"),
    *("excluded_dns", "excluded_email", "excluded_ip", "excluded_uri", "invalidity_at"),
    *("key_password", "parent_passphrase", "passphrase", "path_length", "permitted_dns"),
    *("permitted_email", "permitted_ip", "permitted_uri", "private_key", "revoked", "subject"),
    *("validity_days", "alt_names", "certificate_type", "default_days", "extended_key_usage"),
    *("key_types", "key_usage", "longest_days", "needs_approval", "subject_fields"),
    *("common_name", "csr_der", "identifier", "legacy", "method", "needs_action", "notes", "proof"),
    *("rows", "same_key", "san", "supersede", "clean_up", "issuer"),
}
"""Fields and parameters that name none."""

QUERIES = {
    "delete_certificate": "?force=1",
    "delete_client_certificate": "?force=1",
    "download_batch.with_key": "?include_private=1",
    "download_client_certificate.with_key": "?include_private=1",
    "download_certificate.with_key": "?include_private=1",
    "web_download_certificate.with_key": "?include_private=1",
    "explain_access": "?kind=certificate&name={certificate}",
    "list_grants": "?kind=certificate&name={certificate}",
    "get_audit_consistency": "?first=1",
}
PARTS = {
    "download_part.privkey": "privkey",
    "download_part.combined": "combined",
    "download_client_part.privkey": "privkey",
    "download_client_part.combined": "combined",
}
"""What follows a dot is another call of the same operation, which needs another right."""

RFC2136 = {"nameserver": "127.0.0.1", "tsig_key": "k", "tsig_secret": "c2VjcmV0"}


def kind(called: Operation) -> str:
    """The words of the path that say what kind of object it is about."""
    segments = called.path.split("/")
    for segment, below in pairwise([*segments, ""]):
        for words in (f"{segment}/{below}", segment):
            if words in KINDS or words in CATALOGUES:
                return words
    return "certificates" if "{" in called.path else ""


def operation(name: str) -> Operation:
    """The operation of a line of the tables."""
    return operations()[name.partition(".")[0]]


def url(name: str, things: Things) -> str:
    """The address of the call about the team's object."""
    query = QUERIES.get(name, "").format(certificate=things["certificates.certificate"].name)
    return operation(name).url(variables(name, things)) + query


def name_of(row: Any) -> str:
    """What a field of a body or a parameter names the object by."""
    return str(getattr(row, "name", row))


def reference(field: str, things: Things) -> Any:
    """The team's object as the field names it."""
    named = name_of(things[REFERENCES[field]])
    return [named] if field in ("roles", "teams") else named


def variables(name: str, things: Things) -> dict[str, Any]:
    """The variables of the path that name the team's object."""
    called = operation(name)
    if "{" not in called.path:
        return {}
    segment = kind(called)
    if segment in CATALOGUES:
        return {"slug": CATALOGUES[segment]}
    row = things.spare[SPARE[name]] if name in SPARE else things[KINDS[segment]]
    named = {"id": row.pk, "name": name_of(row), "username": str(row)}
    named["serial"] = things["providers.ledgerentry"].serial
    return CONSTANT | named | ({"part": PARTS[name]} if name in PARTS else {})


def body(name: str, things: Things) -> dict[str, Any]:
    """What a call needs that shall work on the team's objects."""
    plain = name.removeprefix("web_")
    bodies = {**_of_work(things), **_of_access(things), **_of_authorities(things)}
    bodies |= _of_clients(things)
    found: dict[str, Any] = bodies.get(plain, {})
    return found


def _of_access(things: Things) -> dict[str, Any]:
    team = things.team.name
    label = team.removesuffix("-team")
    rule = {"verb": "revoke", "role": "approver", "target_kind": "access.team", "target": team}
    rule |= {"kind": "certificates.certificate"}
    of_certificate = {"kind": "certificate", "name": things["certificates.certificate"].name}
    return {
        "create_team": {"name": "new-team"},
        "replace_team": {"name": team},
        "update_team": {"description": "Everything about it."},
        "create_token": {"name": "new", "scopes": ["read"], "teams": [team]},
        "create_service_account": {"name": "new-robot", "team": team},
        "update_service_account": {"description": "A program."},
        "create_approval_rule": rule | {"name": "new-rule"},
        "replace_approval_rule": rule | {"name": f"{label}-rule"},
        "update_approval_rule": {"valid_for": 3600},
        "explain_approval": {"reason": "It leaked."},
        "reject_approval": {"reason": "It did not."},
        "set_grants": of_certificate | {"group": f"{team} people", "verbs": ["view"]},
        "set_user_roles": {"roles": [f"{label}-group"]},
    }


def _of_authorities(things: Things) -> dict[str, Any]:
    team = things.team.name
    made = {"key_type": "ec256", "subject": {"CN": "A new CA"}, "team": team}
    certificate, key = making.elsewhere()
    profile = {
        "certificate_type": "client",
        "key_usage": ["digitalSignature"],
        "key_types": ["ec256"],
        "default_days": 1,
        "longest_days": 2,
    }
    return {
        "create_authority": made | {"name": "new-root", "kind": "root"},
        "create_intermediate": made | {"name": "new-intermediate"},
        "import_authority": {
            "name": "new-import",
            "certificate": certificate,
            "private_key": key,
            "team": team,
        },
        "install_authority_certificate": {"certificate": certificate},
        "update_authority": {"crl_hours": 7},
        "revoke_ledger_entry": {"reason": "superseded"},
        "create_profile": profile | {"name": "new-profile"},
        "replace_profile": profile | {"name": name_of(things["providers.profile"])},
        "update_profile": {"longest_days": 500},
    }


def _of_clients(things: Things) -> dict[str, Any]:
    team = things.team.name
    label = team.removesuffix("-team")
    common = {"authority": f"{label}-root", "storage": f"{label}-store", "team": team}
    wanted = {"common_name": f"new.{label}.test", "identity": f"{label}-holder"}
    identity = {"kind": "device", "team": team}
    return {
        "create_identity": identity | {"name": "new-holder"},
        "replace_identity": identity | {"name": f"{label}-holder"},
        "update_identity": {"notes": "x"},
        "create_client_certificate": common | wanted,
        "replace_client_certificate": {"team": team},
        "update_client_certificate": {"tags": ["x"]},
        "revoke_client_certificate": {"reason": "superseded"},
        "create_csr": common | wanted,
        "reject_enrolment": {"reason": "Nobody knows it."},
        "create_batch": common | {"rows": [wanted]},
    }


def _of_work(things: Things) -> dict[str, Any]:
    team = things.team.name
    label = team.removesuffix("-team")
    wish = {"domain": f"new.{label}.test", "ca": f"{label}-ca", "dns": f"{label}-dns"}
    account = {"name": f"{label}-ca", "provider": "acme", "team": team}
    account["directory_url"] = "https://ca.example.test/directory"
    dns = {"name": f"{label}-dns", "provider": "rfc2136", "credentials": RFC2136, "team": team}
    target: dict[str, Any] = {"name": f"{label}-store", "backend": "database", "team": team}
    return {
        "create_certificate": wish | {"storage": f"{label}-store", "team": team},
        "reissue_certificate": {"key_type": "ec384"},
        "revoke_certificate": {"reason": "superseded"},
        "set_auto_renew": {"enabled": False},
        "update_certificate": {"tags": ["x"]},
        "create_ca_account": account | {"name": "new-ca"},
        "replace_ca_account": account,
        "update_ca_account": {"email": "new@example.test"},
        "create_dns_account": dns | {"name": "new-dns"},
        "replace_dns_account": dns | {"zones": [f"{label}.test"]},
        "update_dns_account": {"propagation_seconds": 7},
        "create_storage_target": target | {"name": "new-store"},
        "replace_storage_target": target,
        "update_storage_target": {"is_default": False},
        "create_storage_mirror": {
            "name": f"www.{label}.test",
            "source": f"{label}-store",
            "target": f"{label}-spare-store",
        },
        "migrate_storage_target": {"to": f"{label}-spare-store"},
    }
