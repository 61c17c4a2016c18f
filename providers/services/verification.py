"""Accounts tried for real: a record written, seen and removed; a registration at a CA."""

import secrets

from django.conf import settings
from django.db import transaction

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.access.verbs import Verb
from certmate.audit.services import record
from certmate.core import clock
from certmate.core.errors import CertMateError, InvalidRequest
from providers.acme import client
from providers.acme.plan import ProbeRequest, Publication
from providers.acme.runner import Unwatched
from providers.dns.render import render
from providers.dns.zones import normalise
from providers.models import CAAccount, DNSAccount
from providers.services import registering


def publication(account: DNSAccount) -> Publication:
    """Where the answers of this account go."""
    return Publication(
        zones=tuple(account.zones),
        delegated=tuple(account.delegated_zones),
        resolvers=tuple(settings.CERTMATE_DNS_RESOLVERS),
        port=settings.CERTMATE_DNS_PORT,
    )


def verify_dns_account(*, actor: Actor, account: DNSAccount, zone: str = "") -> DNSAccount:
    """Write a record through the account's plugin, see it on the zone's name servers, remove it;
    keep the outcome on the account.

    `zone` is needed where the account names none. Raises what failed, after it has been noted: its
    code says which of the three (docs/errors.md). No transaction is open meanwhile.
    """
    policy.require(actor, Verb.CHANGE, account)
    entry = account.catalogue_entry
    request = ProbeRequest(
        name=_name(account, normalise(zone)),
        proof=render(entry, account.credentials, account.propagation_seconds),
        hooks_dir=str(settings.CERTMATE_HOOKS_DIR),
        publication=publication(account),
    )
    try:
        client.probe(request, Unwatched())
    except CertMateError as error:
        _note(
            account,
            "dns_account.verification_failed",
            verification_error=f"{error.code}: {error.detail}",
        )
        raise
    _note(account, "dns_account.verified", verified_at=clock.now(), verification_error="")
    return account


def _name(account: DNSAccount, zone: str) -> str:
    zone = zone or (account.served[0] if account.served else "")
    if not zone:
        raise InvalidRequest(
            "The account names no zone; say in which one a record may be tried.",
            code="dns.zone_needed",
            field="zone",
        )
    # Where names share a record, or it has to exist already, there is no random one.
    if account.catalogue_entry.capacity is not None:
        return zone
    return f"certmate-{secrets.token_hex(6)}.{zone}"


def verify_ca_account(*, actor: Actor, account: CAAccount) -> CAAccount:
    """Register the account at its CA now, or find it registered there.

    Raises what the CA said, such as `acme.bad_eab`.
    """
    policy.require(actor, Verb.CHANGE, account)
    stored = registering.with_key(account)
    try:
        registering.register(stored, Unwatched())
    except CertMateError as error:
        with transaction.atomic():
            record(stored, "ca_account.verification_failed", code=error.code)
        raise
    with transaction.atomic():
        record(stored, "ca_account.verified")
    return CAAccount.objects.select_related("team").get(pk=account.pk)


def _note(account: DNSAccount, event: str, **outcome: object) -> None:
    for field, value in outcome.items():
        setattr(account, field, value)
    with transaction.atomic():
        account.save(update_fields=list(outcome))
        record(account, event)
