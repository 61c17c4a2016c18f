"""What exactly would be done to a certificate, put before those who have to approve of it."""

from typing import Any

from certificates.models import Certificate, Version
from certificates.services.placing import as_now, current_wish
from certmate.access.actors import Actor
from certmate.access.services.approvals import Permit, require
from certmate.access.verbs import Verb


def ask(
    actor: Actor, verb: Verb, certificate: Certificate, operation: str, **params: Any
) -> Permit:
    """Leave for `certificates.<operation>`. Raises ApprovalNeeded where a rule asks for more eyes.

    The params say what is done as it is now: a change of the certificate makes it another request.
    """
    name = f"certificates.{operation}"
    return require(actor=actor, verb=verb, target=certificate, operation=name, params=params)


def ask_for_new(actor: Actor, certificate: Certificate, wanted: dict[str, Any]) -> Permit:
    """Leave for taking up a certificate that is not saved yet."""
    kept = {
        "name": certificate.name,
        "team": certificate.team.name if certificate.team else "",
        "storage_target": certificate.storage_target.name,
        "auto_renew": certificate.auto_renew,
        "renewal_days": certificate.renewal_days,
        "tags": certificate.tags,
    }
    return ask(actor, Verb.REQUEST, certificate, "create", **kept, **told(wanted))


def ask_for_renewal(actor: Actor, certificate: Certificate, operation: str) -> Permit:
    """Leave for a new version of the certificate as it is."""
    certificate = as_now(certificate, Certificate.objects.select_related("current_version"))
    wish = told(current_wish(certificate))
    return ask(actor, Verb.RENEW, certificate, operation, after=number(certificate), **wish)


def ask_for_reissue(
    actor: Actor, certificate: Certificate, asked: Certificate, wanted: dict[str, Any]
) -> Permit:
    """Leave for a version with other names, another CA, key or proof.

    What needs approval to be requested needs it here too: `asked` is another certificate, and may
    hang from another CA account or authority.
    """
    return require(
        actor=actor,
        verb=Verb.RENEW,
        target=certificate,
        operation="certificates.reissue",
        params={"after": number(certificate), **told(wanted)},
        also={Verb.REQUEST: asked},
    )


def told(wanted: dict[str, Any]) -> dict[str, Any]:
    """The fields of `Wanted` in plain values: those that its kind of issuer has."""
    dns = wanted["dns_account"]
    common = {name: wanted[name] for name in ("key_type", "csr")}
    common["names"] = list(wanted["names"])
    if wanted["authority"] is not None:
        return {
            **common,
            "authority": wanted["authority"].name,
            "profile": wanted["profile"].name,
            "validity_days": wanted["validity_days"],
        }
    return {
        **common,
        "ca_account": wanted["ca_account"].name,
        "profile": wanted["ca_profile"],
        "dns_account": dns.name if dns else "",
        "challenge_type": str(wanted["challenge_type"]),
    }


def number(certificate: Certificate) -> int | None:
    """The number of the current version."""
    version: Version | None = certificate.current_version
    return version.number if version else None
