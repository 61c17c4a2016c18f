"""The page of a client certificate: its facts, its versions, its enrolments."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db import models
from django.utils.html import format_html
from django.utils.safestring import SafeString

from certmate.access import policy
from certmate.access.actors import Actor
from certmate.core import clock
from certmate.pki import keys
from certmate.ui import instants
from certmate.ui.badges import row
from certmate.ui.base import admin_url
from certmate.ui.facts import Fact, FactGroup, Table, code, link
from certmate.ui.versions import SHOWN
from certmate.ui.versions import version_table as versions_shown
from clients.admin import shown
from clients.choices import Method
from clients.models import ClientCertificate, ClientVersion, Enrolment
from clients.storing import says_of

ENROLMENTS_SHOWN = 10
CERTIFICATES_SHOWN = 20

Linked = Callable[[models.Model], Any]
"""The object's name, as a link if the user may see its page."""


def fact_groups(certificate: ClientCertificate, linked: Linked) -> list[FactGroup]:
    version = certificate.current_version
    if version is None:
        holder = _holder(certificate, linked, certificate.subject, certificate.alt_names)
        return [holder, _issuance(certificate, linked, []), _record(certificate, linked)]
    says = says_of(version)
    uses = shown.usages(says.key_usage, says.extended_key_usage)
    return [
        _holder(certificate, linked, says.subject, says.alt_names),
        _current(version),
        _issuance(certificate, linked, uses),
        _renewal(certificate),
        _record(certificate, linked),
    ]


def _holder(
    certificate: ClientCertificate,
    linked: Linked,
    subject: Mapping[str, str],
    alt_names: Mapping[str, Sequence[str]],
) -> FactGroup:
    return FactGroup(
        "Holder",
        (
            Fact("Identity", linked(certificate.identity) if certificate.identity else "none"),
            Fact("Subject", shown.subject(subject)),
            *shown.alt_names(alt_names),
        ),
    )


def _current(version: ClientVersion) -> FactGroup:
    return FactGroup(
        f"Current version: {version.number}",
        (
            Fact("Valid from", instants.absolute(version.not_before)),
            Fact("Valid until", instants.absolute(version.not_after)),
            Fact("Issuer", version.issuer),
            Fact("Serial number", code(version.serial)),
            Fact("SHA-256 fingerprint", code(version.fingerprint)),
            Fact("Public key", shown.key_words(version.key_algorithm, version.key_size)),
            Fact("Private key", _where(version)),
        ),
    )


def _where(version: ClientVersion) -> str:
    if not version.has_private_key:
        return "with its holder, not here"
    return "with the bundle" if version.stored_at else "encrypted here, until it can be stored"


def _issuance(certificate: ClientCertificate, linked: Linked, uses: list[Fact]) -> FactGroup:
    days = certificate.validity_days
    facts = [Fact("Authority", _authority(certificate, linked))]
    if certificate.profile is not None:
        facts.append(Fact("Profile", linked(certificate.profile)))
    facts += [Fact("Type", certificate.certificate_type), *uses]
    facts.append(Fact("Came about", certificate.get_method_display()))
    if certificate.method == Method.DIRECT:
        facts.append(Fact("Key type", keys.label(certificate.key_type)))
    if certificate.authority is not None:
        facts.append(Fact("Validity", f"{days} days" if days else "as the profile says"))
    return FactGroup("Issuance", facts)


def _authority(certificate: ClientCertificate, linked: Linked) -> Any:
    return linked(certificate.authority) if certificate.authority else "another CA"


def _renewal(certificate: ClientCertificate) -> FactGroup:
    if certificate.authority is None:
        return FactGroup("Renewal", [Fact("Automatic", "no: ask the CA that issued it")])
    days = certificate.renewal_days
    facts = [
        Fact("Automatic", "yes" if certificate.auto_renew else "no"),
        Fact("When", f"{days} days before expiry" if days else "by lifetime"),
        Fact("Due", instants.relative(certificate.renew_at, clock.now())),
    ]
    if not certificate.has_own_key:
        facts.append(Fact("By", "its holder, who has to send a new CSR"))
    if certificate.notice_at is not None:
        facts.append(Fact("Somebody has to act since", instants.absolute(certificate.notice_at)))
    return FactGroup("Renewal", facts)


def _record(certificate: ClientCertificate, linked: Linked) -> FactGroup:
    return FactGroup(
        "Record",
        (
            Fact("Stored at", linked(certificate.storage_target)),
            Fact("Team", linked(certificate.team) if certificate.team else "none"),
            Fact("Taken up", instants.absolute(certificate.created_at)),
            Fact("By", certificate.created_by or "CertMate"),
            Fact("Tags", ", ".join(certificate.tags)),
            Fact("Notes", certificate.notes),
        ),
    )


def version_table(certificate: ClientCertificate, *, may_revoke: bool) -> Table:
    """The latest versions; what the user may do to them stands in the last column."""
    now = clock.now()
    versions = certificate.versions.defer("cert", "chain")[:SHOWN]

    def verbs(version: ClientVersion) -> SafeString | str:
        can_be = version.revoked_at is None and version.not_after > now
        if not (may_revoke and can_be and version.entry_id is not None):
            return ""
        return link(admin_url(certificate, "revoke", number=str(version.number)), "Revoke")

    return versions_shown(versions, lambda one: shown.version_badges(one, certificate, now), verbs)


def enrolment_table(certificate: ClientCertificate, actor: Actor) -> Table:
    """The latest requests for it that somebody had to decide about."""
    now = clock.now()
    asked = certificate.enrolments.select_related("requested_by", "decided_by")
    rows = [
        (
            link(admin_url(enrolment), f"Request {enrolment.pk}"),
            shown.enrolment_badge(enrolment.state),
            "renewal" if enrolment.renews else "new certificate",
            instants.relative(enrolment.created_at, now),
            enrolment.requested_by or "CertMate",
            enrolment.decided_by or "",
        )
        for enrolment in policy.visible(actor, asked).defer("csr", "wish")[:ENROLMENTS_SHOWN]
    ]
    headers = ("Enrolment", "State", "For a", "Asked", "By", "Decided by")
    more = admin_url(Enrolment, "changelist", state="all", q=certificate.identifier)
    return Table("Enrolments", headers, rows, empty="None: it was issued at once.", more=more)


def certificate_table(certificates: "models.QuerySet[ClientCertificate]", more: str) -> Table:
    """The certificates of one holder."""
    now = clock.now()
    related = certificates.select_related("authority", "profile").only(
        *("identifier", "common_name", "state", "expires_at", "renew_at", "notice_at", "method"),
        *("auto_renew", "renewal_error", "authority__name", "profile__name"),
    )
    rows = [
        (
            format_html('<a href="{}">{}</a>', admin_url(one), one.identifier),
            row(*shown.certificate_badges(one, now)),
            instants.relative(one.expires_at, now, tone=shown.expiry_tone(one, now)),
            one.authority or "another CA",
            one.profile or "",
        )
        for one in related[:CERTIFICATES_SHOWN]
    ]
    headers = ("Certificate", "Status", "Expires", "Authority", "Profile")
    return Table("Certificates", headers, rows, empty="None that you may see.", more=more)
