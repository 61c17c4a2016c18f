"""Accounts at ACME CAs."""

from typing import Any
from urllib.parse import urlsplit

from django.db import transaction

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.services import find_team, give_to_team
from certmate.access.verbs import Verb
from certmate.core.errors import Conflict, InvalidRequest, invalid_input
from certmate.core.parameters import MASK
from certmate.pki.inspect import split_chain
from providers.acme import catalogue
from providers.acme.catalogue import is_profile
from providers.models import Authority, CAAccount
from providers.services import accounts


def create_ca_account(
    *,
    actor: Actor,
    name: str,
    provider: str,
    directory_url: str = "",
    email: str = "",
    profile: str = "",
    orders_per_hour: int | None = None,
    eab_kid: str = "",
    eab_hmac_key: str = "",
    trust_bundle: str = "",
    is_default: bool = False,
    team: str = "",
) -> CAAccount:
    """Keep an account's data; the CA is asked to register it with the first order.

    Raises InvalidRequest for a directory that is not the catalogue's, a profile that its CA is
    known not to offer, a missing external account binding, or a trust bundle that holds anything
    but certificates.
    """
    policy.require_possible(actor, Verb.REQUEST, CAAccount)
    entry = catalogue.get(provider)
    account = CAAccount(
        name=name,
        provider=provider,
        directory_url=_directory(entry, directory_url),
        email=email,
        profile=profile,
        orders_per_hour=orders_per_hour,
        eab=_eab(entry, eab_kid, eab_hmac_key),
        trust_bundle=_trust_bundle(trust_bundle),
        is_default=is_default,
        team=find_team(actor=actor, name=team),
    )
    policy.require(actor, Verb.REQUEST, account)
    require_profile(account=account, profile=profile)
    if Authority.objects.filter(name=name).exists():
        raise Conflict(
            f"{name!r} names an authority already; certificates name both alike.",
            code="account.name",
            field="name",
        )
    return accounts.save(actor, account, CAAccount.objects.filter(is_default=True))


def update_ca_account(
    *,
    actor: Actor,
    account: CAAccount,
    directory_url: str | None = None,
    email: str | None = None,
    profile: str | None = None,
    eab_kid: str | None = None,
    eab_hmac_key: str | None = None,
    trust_bundle: str | None = None,
    is_default: bool | None = None,
    team: str | None = None,
    **changes: Any,
) -> CAAccount:
    """Change what is given, of `changes` the `orders_per_hour`. The directory of a registered
    account stays: another one is another account. Raises InvalidRequest (`account.secret_needed`)
    if another directory would be shown what the stored HMAC key signs.
    """
    policy.require(actor, Verb.CHANGE, account)
    with transaction.atomic():
        # The caller's copy may be older than a registration by a worker.
        account = CAAccount.objects.select_for_update().get(pk=account.pk)
        if eab_kid is not None or eab_hmac_key not in (None, MASK):
            account.eab = _changed_eab(account, eab_kid, eab_hmac_key)
        if directory_url is not None and directory_url != account.directory_url:
            _move(account, directory_url, eab_hmac_key)
        if email is not None:
            account.email = email
        if profile is not None and profile != account.profile:
            require_profile(account=account, profile=profile)
            account.profile = profile
        if "orders_per_hour" in changes:
            account.orders_per_hour = changes["orders_per_hour"]
        if trust_bundle is not None:
            account.trust_bundle = _trust_bundle(trust_bundle)
        if is_default is not None:
            account.is_default = is_default
        if team is not None:
            owner = find_team(actor=actor, name=team)
            give_to_team(actor=actor, target=account, team=owner)
        return accounts.save(actor, account, CAAccount.objects.filter(is_default=True))


def _move(account: CAAccount, directory_url: str, hmac_key: str | None) -> None:
    if account.account_uri:
        raise Conflict(
            "The account is registered at its directory. Make a new account.",
            code="account.registered",
        )
    before = account.directory_url
    account.directory_url = _directory(account.catalogue_entry, directory_url)
    if account.directory_url == before:
        return
    # The key itself never leaves, but a directory is shown a signature that it may guess it from.
    if account.eab.get("hmac_key") and hmac_key in (None, MASK):
        raise accounts.secret_needed("EAB HMAC key", "eab_hmac_key")
    # The old directory may have seen the key; it is for one CA only.
    account.account_key, account.offered_profiles = {}, None


def _changed_eab(account: CAAccount, kid: str | None, hmac_key: str | None) -> dict[str, str]:
    kept = account.eab.get("kid", "")
    wanted = kept if kid is None else kid
    if hmac_key in (None, MASK) and wanted == kept:
        return account.eab
    return _eab(account.catalogue_entry, wanted, "" if hmac_key in (None, MASK) else str(hmac_key))


def require_profile(*, account: CAAccount, profile: str) -> None:
    """Raises InvalidRequest (`profile.not_offered`) for a profile that cannot be asked for. Where
    nobody knows yet what the CA offers, the order is told.
    """
    if not profile:
        return
    known = account.known_profiles
    is_open = account.offered_profiles is None and not known
    if is_profile(profile) if is_open else profile in known:
        return
    offers = f"offers {', '.join(known)}" if known else "offers no profiles"
    raise InvalidRequest(
        f"{account.catalogue_entry.label} {offers}. Verify the account to ask it again."
        if not is_open
        else "The name of a profile has 1 to 64 printable ASCII characters.",
        code="profile.not_offered",
        field="profile",
    )


def delete_ca_account(*, actor: Actor, account: CAAccount) -> None:
    """Forget the account and its key. Raises Conflict while anything depends on it."""
    accounts.delete(actor, account)


def resolve_ca_account(*, actor: Actor, ca: str = "", provider: str = "") -> CAAccount:
    """The account of that name, else the one (or the default) of that provider, else the default of
    all.

    Raises InvalidRequest if that is not exactly one: nothing is issued by another CA than asked
    for.
    """
    usable = policy.visible(actor, CAAccount.objects.all())
    if ca:
        named = usable.filter(name=ca, **({"provider": provider} if provider else {})).first()
        if named is not None:
            return named
        if provider or ca not in catalogue.CATALOGUE:
            raise InvalidRequest(
                f"There is no CA account {ca!r} that you may use.",
                code="account.unknown",
                field="ca",
            )
        provider = ca
    if provider:
        found = list(usable.filter(provider=provider))
        return accounts.choose(found, wanted=f"of {provider}", field="ca_provider")
    return accounts.choose(list(usable), wanted="at a CA", field="ca")


def _directory(entry: catalogue.CAProvider, url: str) -> str:
    if entry.directory_url:
        if _is_under(url, entry.directory_hosts):
            return _usable(url)
        if url and url != entry.directory_url:
            raise InvalidRequest(
                f"{entry.label} is at {entry.directory_url}. For another directory use the "
                "provider acme.",
                code="acme.directory",
                field="directory_url",
            )
        return entry.directory_url
    return _usable(url)


def _is_under(url: str, hosts: tuple[str, ...]) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return any(host == known or host.endswith(f".{known}") for known in hosts)


def _usable(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = (
            parts.scheme == "https" and parts.hostname and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        usable = False
        parts = urlsplit("")
    if not usable or parts.username is not None or parts.password is not None or parts.fragment:
        raise InvalidRequest(
            "The directory must be an https URL without user name, such as "
            "https://ca.example.com/acme/directory.",
            code="acme.directory",
            field="directory_url",
        )
    return url


def _eab(entry: catalogue.CAProvider, kid: str, hmac_key: str) -> dict[str, str]:
    if not kid and not hmac_key and entry.eab != "required":
        return {}
    if entry.eab == "none":
        raise InvalidRequest(
            f"{entry.label} takes no external account binding.", code="acme.eab", field="eab_kid"
        )
    if not kid or not hmac_key:
        missing = "eab_kid" if not kid else "eab_hmac_key"
        raise InvalidRequest(
            "Give both EAB values that the CA showed you.", code="acme.eab", field=missing
        )
    return {"kid": kid, "hmac_key": hmac_key}


def _trust_bundle(pem: str) -> str:
    if not pem.strip():
        return ""
    with invalid_input("trust_bundle"):
        certificates = split_chain(pem)
    if not certificates:
        raise InvalidRequest(
            "This is no PEM certificate.", code="certificate.malformed", field="trust_bundle"
        )
    return "".join(certificates)
