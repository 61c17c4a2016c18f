"""The page of a certificate: its facts, its versions, its orders."""

from collections.abc import Callable
from typing import Any

from django.db import models
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from certificates.admin import shown
from certificates.choices import ChallengeType
from certificates.models import Certificate, Order, Version
from certmate.core import clock
from certmate.pki import keys
from certmate.ui import instants
from certmate.ui.base import admin_url
from certmate.ui.facts import Fact, FactGroup, Table, code, lines, link
from certmate.ui.versions import SHOWN
from certmate.ui.versions import version_table as versions_shown

ORDERS_SHOWN = 10

Linked = Callable[[models.Model], Any]
"""The object's name, as a link if the user may see its page."""


def fact_groups(certificate: Certificate, linked: Linked) -> list[FactGroup]:
    groups = [_wanted(certificate, linked), _renewal(certificate), _record(certificate)]
    if certificate.current_version is not None:
        groups.insert(1, _current(certificate.current_version))
    return groups


def _wanted(certificate: Certificate, linked: Linked) -> FactGroup:
    return FactGroup(
        "Certificate",
        (
            Fact("Names", lines(certificate.names)),
            Fact("Issued by", linked(certificate.issued_by)),
            *terms(certificate, linked),
            Fact("Key", "from the CSR" if certificate.csr else keys.label(certificate.key_type)),
            Fact("Stored at", linked(certificate.storage_target)),
            Fact("Team", linked(certificate.team) if certificate.team else "none"),
        ),
    )


def terms(wanted: Certificate | Order, linked: Linked) -> list[Fact]:
    """What a CA is asked for and how control of the names is proved to it; what an authority is
    told to sign.
    """
    if wanted.profile is None:
        profile = wanted.ca_profile or "as the CA account says"
        return [Fact("Profile", profile), Fact("Proof of control", _proof(wanted, linked))]
    days = wanted.validity_days
    return [
        Fact("Profile", linked(wanted.profile)),
        Fact("Validity", f"{days} days" if days else "as the profile says"),
    ]


def _proof(wanted: Certificate | Order, linked: Linked) -> SafeString | str:
    label = wanted.get_challenge_type_display()
    if wanted.challenge_type != ChallengeType.DNS_01:
        return label
    if isinstance(wanted, Order) and wanted.dns_accounts:
        return format_html("{} through {}", label, _shares(wanted, linked))
    if wanted.dns_account is None:
        return f"{label}, DNS account by zone"
    return format_html("{} through {}", label, linked(wanted.dns_account))


def _shares(order: Order, linked: Linked) -> SafeString:
    shares = order.dns_accounts
    if len(shares) == 1:
        return format_html("{}", linked(shares[0][0]))
    told = ((linked(account), ", ".join(names)) for account, names in shares)
    return format_html_join("; ", "{} ({})", told)


def _current(version: Version) -> FactGroup:
    has_key = (
        "with the bundle" if version.has_private_key else "not here: the CSR was brought along"
    )
    return FactGroup(
        f"Current version: {version.number}",
        (
            Fact("Valid from", instants.absolute(version.not_before)),
            Fact("Valid until", instants.absolute(version.not_after)),
            Fact("Issuer", version.issuer),
            Fact("Serial number", code(version.serial)),
            Fact("SHA-256 fingerprint", code(version.fingerprint)),
            Fact("Public key", f"{version.key_algorithm} {version.key_size}"),
            Fact("Private key", has_key),
        ),
    )


def _renewal(certificate: Certificate) -> FactGroup:
    days = certificate.renewal_days
    by_itself = (
        "when the CA suggests, else by lifetime" if certificate.ca_account else "by lifetime"
    )
    policy = f"{days} days before expiry" if days else by_itself
    facts = [
        Fact("Automatic", "yes" if certificate.auto_renew else "no"),
        Fact("When", policy),
        Fact("Due", instants.relative(certificate.renew_at, clock.now())),
    ]
    if certificate.failures:
        facts.append(Fact("Failures in a row", certificate.failures))
    return FactGroup("Renewal", facts)


def _record(certificate: Certificate) -> FactGroup:
    return FactGroup(
        "Record",
        (
            Fact("Taken up", instants.absolute(certificate.created_at)),
            Fact("By", certificate.created_by or "CertMate"),
            Fact("Tags", ", ".join(certificate.tags)),
        ),
    )


def version_table(certificate: Certificate, *, may_activate: bool, may_revoke: bool) -> Table:
    """The latest versions; what the user may do to them stands in the last column."""
    now = clock.now()
    versions = certificate.versions.defer("cert", "chain").order_by("-number")[:SHOWN]

    def verbs(version: Version) -> SafeString:
        found = []
        usable = version.revoked_at is None and version.stored_at and version.not_after > now
        number = str(version.number)
        if usable and may_activate and version.pk != certificate.current_version_id:
            found.append(link(admin_url(certificate, "activate", number=number), "Make current"))
        if usable and may_revoke:
            found.append(link(admin_url(certificate, "revoke", number=number), "Revoke"))
        return format_html_join(" · ", "{}", ((verb,) for verb in found))

    return versions_shown(versions, lambda one: shown.version_badges(one, certificate, now), verbs)


def order_table(certificate: Certificate) -> Table:
    """The latest orders."""
    now = clock.now()
    orders = certificate.orders.select_related("requested_by").defer("csr")[:ORDERS_SHOWN]
    rows = [
        (
            link(admin_url(order), f"{order.get_kind_display()} {order.pk}"),
            shown.order_badge(order.state),
            format_html("<code>{}</code>", order.error_code) if order.error_code else "",
            instants.relative(order.created_at, now),
            order.requested_by or "CertMate",
        )
        for order in orders
    ]
    more = admin_url(Order, "changelist", certificate=str(certificate.pk))
    headers = ("Order", "State", "Error", "Placed", "By")
    return Table("Orders", headers, rows, empty="None yet.", more=more)
