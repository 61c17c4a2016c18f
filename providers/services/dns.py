"""Accounts at DNS providers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.services import find_team, give_to_team
from certmate.access.verbs import Verb
from certmate.core import parameters
from certmate.core.errors import InvalidRequest, invalid_input
from certmate.pki.names import parse_name
from providers.dns import catalogue, zones
from providers.dns.delegation import overfull, record_of
from providers.models import DNSAccount
from providers.services import accounts


def create_dns_account(
    *,
    actor: Actor,
    name: str,
    provider: str,
    credentials: Mapping[str, Any],
    zones: Iterable[str] = (),
    delegated_zones: Iterable[str] = (),
    propagation_seconds: int | None = None,
    is_default: bool = False,
    team: str = "",
) -> DNSAccount:
    """Keep credentials at a provider. Raises InvalidRequest for what the provider's entry does not
    declare, AccessDenied for the machine's identity or a zone where the right over all accounts is
    missing.
    """
    policy.require_possible(actor, Verb.REQUEST, DNSAccount)
    account = DNSAccount(
        name=name,
        provider=provider,
        credentials=catalogue.get(provider).validate(credentials),
        zones=_zones(zones, "zones"),
        delegated_zones=_zones(delegated_zones, "delegated_zones"),
        propagation_seconds=propagation_seconds,
        is_default=is_default,
        team=find_team(actor=actor, name=team),
    )
    policy.require(actor, Verb.REQUEST, account)
    if account.served or account.catalogue_entry.as_machine(account.credentials):
        accounts.require_for_everybody(actor, DNSAccount)
    return accounts.save(
        actor, account, DNSAccount.objects.filter(is_default=True, provider=provider)
    )


def update_dns_account(
    *,
    actor: Actor,
    account: DNSAccount,
    credentials: Mapping[str, Any] | None = None,
    zones: Iterable[str] | None = None,
    delegated_zones: Iterable[str] | None = None,
    team: str | None = None,
    **changes: Any,
) -> DNSAccount:
    """Change what is given; a secret that is masked or left out stays.

    `changes` are of `propagation_seconds` and `is_default`. Raises InvalidRequest
    (`account.secret_needed`) if a secret that stays could be sent elsewhere then, AccessDenied as
    `create_dns_account` does.
    """
    policy.require(actor, Verb.CHANGE, account)
    with transaction.atomic():
        account = DNSAccount.objects.select_for_update().get(pk=account.pk)
        if credentials is not None:
            _change_credentials(actor, account, credentials)
        for field, given in (("zones", zones), ("delegated_zones", delegated_zones)):
            if given is not None and (wanted := _zones(given, field)) != getattr(account, field):
                accounts.require_for_everybody(actor, DNSAccount)
                setattr(account, field, wanted)
        if team is not None:
            owner = find_team(actor=actor, name=team)
            give_to_team(actor=actor, target=account, team=owner)
        for field in {"propagation_seconds", "is_default"} & changes.keys():
            setattr(account, field, changes[field])
        defaults = DNSAccount.objects.filter(is_default=True, provider=account.provider)
        return accounts.save(actor, account, defaults)


def delete_dns_account(*, actor: Actor, account: DNSAccount) -> None:
    """Forget the credentials. Raises Conflict while anything depends on them."""
    accounts.delete(actor, account)


def resolve_dns_account(
    *, actor: Actor, dns: str = "", provider: str = "", account_id: str = ""
) -> DNSAccount | None:
    """The account that was named, or the one (or the default) of that provider.

    None if nothing was named: then the names decide when the order runs. Raises InvalidRequest if
    what was named is not exactly one account.
    """
    usable = policy.visible(actor, DNSAccount.objects.all())
    name = dns or account_id
    if name:
        named = usable.filter(name=name, **({"provider": provider} if provider else {})).first()
        if named is not None:
            return named
        field = "dns" if dns else "account_id"
        if provider or name not in catalogue.CATALOGUE:
            raise InvalidRequest(
                f"There is no DNS account {name!r} that you may use.",
                code="account.unknown",
                field=field,
            )
        provider = name
    if not provider:
        return None
    return accounts.choose(
        list(usable.filter(provider=provider)), wanted=f"of {provider}", field="dns_provider"
    )


def accounts_for_names(*, actor: Actor, names: Sequence[str]) -> list[tuple[DNSAccount, list[str]]]:
    """The accounts whose zones match the names longest, each with its names. Raises InvalidRequest
    (`dns.no_account`) if a name has none that the actor may use.
    """
    usable = policy.visible(actor, DNSAccount.objects.order_by("name"))
    shares = zones.share_out(list(usable), names)
    served = {name for _, mine in shares for name in mine}
    if missing := [name for name in names if name not in served]:
        raise InvalidRequest(
            f"No DNS account serves the zones of: {', '.join(missing[:10])}. Name one for all, or "
            "add the zone to one.",
            code="dns.no_account",
            field="dns",
        )
    return shares


def require_room(*, account: DNSAccount, names: Sequence[str]) -> None:
    """Raises InvalidRequest (`dns.capacity`) if the provider could not hold the answers for all of
    the names at the same time.
    """
    entry = account.catalogue_entry
    # All names lead to one record, or those of one name do whatever it leads to.
    ends = [entry.target or record_of(name) for name in names]
    if overfull(entry.capacity, ends):
        what = "names" if entry.target else "a name with its wildcard"
        raise InvalidRequest(
            f"{entry.label} holds {entry.capacity} of the answers at once, which is not enough for "
            f"{what} like these. Put them into certificates of their own.",
            code="dns.capacity",
            field="dns",
        )


def _change_credentials(actor: Actor, account: DNSAccount, given: Mapping[str, Any]) -> None:
    entry = account.catalogue_entry
    changed = entry.validate(parameters.merge(entry.parameters, account.credentials, given))
    if changed == account.credentials:
        return
    if entry.as_machine(changed):
        accounts.require_for_everybody(actor, DNSAccount)
    if entry.moves(account.credentials, changed):
        _require_secrets_again(account, given)
    account.credentials = changed
    account.verified_at, account.verification_error = None, ""


def _require_secrets_again(account: DNSAccount, given: Mapping[str, Any]) -> None:
    kept = parameters.kept(account.catalogue_entry.parameters, account.credentials, given)
    if kept:
        labels = ", ".join(parameter.label for parameter in kept)
        raise accounts.secret_needed(labels, f"credentials.{kept[0].name}")


def _zones(given: Iterable[str], field: str) -> list[str]:
    clean: list[str] = []
    with invalid_input(field):
        for zone in given:
            name = parse_name(zone.strip().rstrip("."))
            if name.kind != "dns" or name.wildcard:
                raise InvalidRequest(f"{zone} is not a zone.", code="dns.zone", field=field)
            if name.value not in clean:
                clean.append(name.value)
    return clean
