"""Who shall issue a certificate: the account at a CA, or the private authority, that was asked for.

Nothing is ever issued by another than that one.
"""

from certificates.models import Certificate
from certificates.services.request import CertificateRequest
from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb
from certmate.core.errors import InvalidRequest
from providers.acme.catalogue import CATALOGUE
from providers.models import Authority, CAAccount, DNSAccount
from providers.services import resolve_authority, resolve_ca_account


def issuer_of(
    actor: Actor, request: CertificateRequest, current: Certificate | None
) -> CAAccount | Authority:
    """The issuer that is named; in a reissue that names none, the one that it has.

    Raises InvalidRequest for one that the actor may not see, and for a name that two have.
    """
    if request.authority:
        if request.ca or request.ca_provider:
            raise InvalidRequest(
                "Name a CA or an authority, not both.", code="issuer.both", field="authority"
            )
        return resolve_authority(actor=actor, name=request.authority)
    if request.ca and not request.ca_provider:
        authority = _authority_named(actor, request.ca)
        if authority is not None:
            return authority
    if current and not request.ca and not request.ca_provider:
        require_usable(actor, current.issued_by, "ca")
        return current.issued_by
    return resolve_ca_account(actor=actor, ca=request.ca, provider=request.ca_provider)


def _authority_named(actor: Actor, name: str) -> Authority | None:
    found = policy.visible(actor, Authority.objects.all()).filter(name=name).first()
    accounts = policy.visible(actor, CAAccount.objects.all()).filter(name=name)
    if found is not None and (name in CATALOGUE or accounts.exists()):
        raise InvalidRequest(
            f"Both a CA and an authority are called {name!r}. Name the authority as `authority`, "
            "or the CA with its `ca_provider`.",
            code="issuer.ambiguous",
            field="ca",
        )
    return found


def require_usable(actor: Actor, account: CAAccount | Authority | DNSAccount, field: str) -> None:
    """What the certificate uses is not thereby for everybody who may renew it to use otherwise."""
    if not policy.allowed(actor, Verb.VIEW, account):
        raise InvalidRequest(
            "The certificate's present account is not one that you may use; name another.",
            code="account.unknown",
            field=field,
        )
