"""Pages of the admin as the tables name them: by their address's name, a dot, and the method.

A line without a method is about GET and POST, which answer alike.
"""

from typing import Any

from django.contrib.contenttypes.models import ContentType

from tests.matrix.walk import Address, addresses
from tests.matrix.world import Things

METHODS = ("GET", "POST")

KINDS = {
    # Where an add page first asks for a kind.
    "providers_caaccount_add": "?kind=acme",
    "providers_dnsaccount_add": "?kind=rfc2136",
    "storage_storagetarget_add": "?kind=database",
}
SENT: dict[str, dict[str, Any]] = {
    "certificates_certificate_reissue": {"key_type": "ec384"},
    "certificates_certificate_revoke": {"reason": "superseded"},
    "certificates_certificate_activate": {"number": "1"},
    "certificates_certificate_delete": {"force": "on"},
    "clients_clientcertificate_revoke": {"reason": "superseded"},
    "clients_clientcertificate_delete": {"force": "on"},
    "clients_identity_change": {"kind": "device"},
    "clients_enrolment_reject": {"reason": "Nobody knows it."},
    "providers_ledgerentry_revoke": {"reason": "superseded"},
    "auth_user_delete": {"post": "yes"},
    "auth_group_delete": {"post": "yes"},
    "django_celery_beat_intervalschedule_delete": {"post": "yes"},
    "django_celery_beat_crontabschedule_delete": {"post": "yes"},
}
"""What a page needs that shall do something when it is posted to."""


def pages() -> dict[str, Address]:
    """The addresses of the admin by name; those that have none by where they are."""
    found = {}
    for address in addresses():
        if address.is_admin:
            name = address.name.removeprefix("admin:")
            found[name or address.route.removeprefix("/admin/")] = address
    return found


def page(name: str) -> Address:
    """The page of a line of the tables."""
    return pages()[name.partition(".")[0]]


def label(address: Address) -> str:
    """The label of the model that the page is about."""
    app, model, *_ = [*address.route.removeprefix("/admin/").split("/"), ""]
    return f"{app}.{model}"


def target(name: str, things: Things) -> Any:
    """The team's object that the page is about; a certificate where the page is about any."""
    kind = label(page(name))
    if name.partition(".")[0].endswith("_delete") and kind in things.spare:
        return things.spare[kind]
    return things.rows.get(kind, things["certificates.certificate"])


def url(name: str, things: Things) -> str:
    """The address of the page about the team's object."""
    address, row = page(name), target(name, things)
    kind = ContentType.objects.get_for_model(row)
    known = {"content_type_id": kind.pk, "app_label": "certificates", "form": "jsonl"}
    return address.url(dict.fromkeys(address.variables, row.pk) | known)


def sent(name: str, things: Things) -> dict[str, Any]:
    """What is posted to the page."""
    plain = name.partition(".")[0]
    # Leaving the team out would be taking the object away from it.
    team = {"team": things.team.name} if plain.endswith("_change") else {}
    return team | SENT.get(plain, {})


def lines(name: str) -> list[tuple[str, str]]:
    """The page and the methods that the line is about."""
    plain, _, method = name.partition(".")
    return [(plain, one) for one in ([method] if method else METHODS)]
