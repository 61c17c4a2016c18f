"""The page of an authority: its facts, its keys, its CRLs."""

from collections.abc import Callable, Iterator
from typing import Any

from django.db import models

from certmate.core import clock
from certmate.pki.keys import label
from certmate.pki.subject import text
from certmate.ui import instants
from certmate.ui.badges import Badge
from certmate.ui.facts import Fact, FactGroup, Table, code, lines, link
from providers.choices import TONES, AuthorityKind, AuthorityState, KeyState
from providers.models import CRL, Authority, AuthorityKey, Responder
from providers.services import addresses, revocation_health, signing

CRLS_SHOWN = 50

Linked = Callable[[models.Model], Any]
"""The object's name, as a link if the user may see its page."""

_SIDES = {"permitted": "Only", "excluded": "Never"}
_KINDS = {"dns": "DNS", "ip": "IP", "email": "e-mail", "uri": "URI"}


def fact_groups(authority: Authority, linked: Linked) -> list[FactGroup]:
    key = authority.keys.filter(state=KeyState.ACTIVE).select_related("authority").first()
    groups = [_authority(authority, linked)]
    if key is not None:
        groups += [_certificate(key), _addresses(key), _revocation(authority)]
        if authority.has_ocsp:
            groups.append(_responder(key))
    return groups


def _authority(authority: Authority, linked: Linked) -> FactGroup:
    limits = list(_limits(authority))
    return FactGroup(
        "Authority",
        (
            Fact("Subject", text(authority.subject)),
            Fact("Kind", authority.get_kind_display()),
            Fact("Signed by", _signed_by(authority, linked)),
            Fact("Key type", label(authority.key_type)),
            Fact("Key is kept in", authority.custody_entry.label),
            Fact("Path length", _path_length(authority)),
            Fact("Name constraints", lines(limits) if limits else "none"),
            Fact("Made", instants.absolute(authority.created_at)),
            Fact("Team", linked(authority.team) if authority.team else "none"),
        ),
    )


def _signed_by(authority: Authority, linked: Linked) -> Any:
    if authority.parent is not None:
        return linked(authority.parent)
    return "itself" if authority.kind == AuthorityKind.ROOT else "an outside CA"


def _path_length(authority: Authority) -> str:
    if authority.state(clock.now()) == AuthorityState.WAITING:
        return "as the CA above decides"
    if authority.path_length is None:
        return "any number of CAs below it"
    count = authority.path_length
    return f"{count or 'no'} further {'CAs' if count > 1 else 'CA'} below it"


def _limits(authority: Authority) -> Iterator[str]:
    for side, kinds in authority.name_constraints.items():
        for kind, names in kinds.items():
            yield f"{_SIDES[side]} {_KINDS[kind]}: {', '.join(names)}"


def _certificate(key: AuthorityKey) -> FactGroup:
    identifier = signing.issuing(key).issuer.key_identifier.hex()
    return FactGroup(
        f"Certificate of key {key.number}",
        (
            Fact("Valid from", instants.absolute(key.not_before)),
            Fact("Valid until", instants.absolute(key.not_after)),
            Fact("Serial number", code(key.serial)),
            Fact("SHA-256 fingerprint", code(key.fingerprint)),
            Fact("Key identifier", code(identifier)),
            Fact("SHA-256 of its key", code(key.public_key_hash)),
            Fact("In use since", instants.absolute(key.activated_at)),
        ),
    )


def _addresses(key: AuthorityKey) -> FactGroup:
    urls = [addresses.crl_url(key, shard) for shard in key.shards]
    ocsp = addresses.ocsp_url(key)
    crls = code(urls[0]) if len(urls) == 1 else f"{urls[0]} and {len(urls) - 1} more"
    return FactGroup(
        "Public addresses",
        (
            Fact("Certificate", code(addresses.ca_url(key))),
            Fact("CRL" if len(urls) == 1 else "CRLs", crls),
            Fact("OCSP", code(ocsp) if ocsp else "none"),
        ),
    )


def _responder(key: AuthorityKey) -> FactGroup:
    """Who signs OCSP answers for the key."""
    now = clock.now()
    found = Responder.objects.filter(key=key, retired_at=None).select_related("entry__revocation")
    responder = found.defer("private_key", "entry__cert").first()
    if responder is None:
        missing = Badge("Missing", "warn", "The scheduler makes it within a minute.")
        return FactGroup("OCSP responder", (Fact("State", missing),))
    entry = responder.entry
    badge = Badge("Active", "good")
    if hasattr(entry, "revocation") or entry.not_after <= now:
        badge = Badge("To be replaced", "warn", "The scheduler does it within a minute.")
    return FactGroup(
        "OCSP responder",
        (
            Fact("State", badge),
            Fact("Serial number", code(entry.serial)),
            Fact("Valid until", instants.relative(entry.not_after, now)),
        ),
    )


def _revocation(authority: Authority) -> FactGroup:
    now, health = clock.now(), revocation_health.of(authority)
    waited = health.published_after
    return FactGroup(
        "Revocation",
        (
            Fact("CRLs out of date or missing", health.overdue + health.missing),
            Fact("Oldest CRL", instants.relative(health.stalest_at, now)),
            Fact("Newest CRL", instants.relative(health.freshest_at, now)),
            Fact(
                "From revocation to CRL",
                f"{waited.total_seconds():.1f} s, the last time" if waited else "not yet measured",
            ),
            Fact("Changes that wait for a CRL", health.waiting),
        ),
    )


def key_table(authority: Authority) -> Table:
    """Its keys, the newest first."""
    now = clock.now()
    rows = [
        (
            key.number,
            Badge(str(KeyState(key.state).label), TONES[key.state]),
            label(key.key_type),
            code(key.fingerprint),
            instants.relative(key.not_after, now),
            "yes" if key.cross_cert else "no",
        )
        for key in authority.keys.defer("private_key", "csr", "outside_chain").order_by("-number")
    ]
    headers = ("Key", "State", "Type", "SHA-256 fingerprint", "Valid until", "Cross-certified")
    return Table("Keys", headers, rows)


def crl_table(authority: Authority) -> Table:
    """The newest CRL of each shard, those of the newest keys first."""
    now = clock.now()
    found = CRL.objects.filter(key__authority=authority).select_related("key__authority")
    newest: dict[int, CRL] = {}
    for crl in found.defer("content", "delta", "key__private_key").order_by("shard", "number"):
        newest[crl.shard] = crl
    keys = authority.keys.exclude(cert="").filter(not_after__gt=now).order_by("-number")
    shards = [(key, shard) for key in keys.defer("private_key") for shard in key.shards]
    rows = [_crl(key, shard, newest.get(shard)) for key, shard in shards[:CRLS_SHOWN]]
    headers = ("CRL", "Key", "State", "Entries", "Delta", "Published", "Valid until")
    return Table("CRLs", headers, rows, empty="It has no certificate yet.")


def _crl(key: AuthorityKey, shard: int, crl: CRL | None) -> tuple[Any, ...]:
    now = clock.now()
    if crl is None:
        missing = Badge("Missing", "warn", "Verifiers that look for it find nothing.")
        return f"{shard}.crl", key.number, missing, "", "", "", ""
    is_over = crl.next_update <= now
    badge = Badge("Out of date", "bad") if is_over else Badge("Current", "good")
    return (
        link(addresses.crl_url(key, shard), f"{shard}.crl"),
        key.number,
        badge,
        crl.entries,
        _delta(key, crl),
        instants.relative(crl.this_update, now),
        instants.relative(crl.next_update, now, tone="bad" if is_over else ""),
    )


def _delta(key: AuthorityKey, crl: CRL) -> Any:
    if crl.delta_next_update is None:
        return "none"
    count = f"{crl.delta_entries} {'change' if crl.delta_entries == 1 else 'changes'}"
    return link(addresses.delta_crl_url(key, crl.shard), count)
