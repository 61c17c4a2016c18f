"""How certificates, versions and orders look to a person: badges of their states, names."""

from datetime import datetime, timedelta

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from certificates.choices import TONES, CertificateState, OrderState
from certificates.models import Certificate, Order, Version
from certmate.ui.badges import Badge

SOON = timedelta(days=7)
SANS_SHOWN = 3


def certificate_badges(certificate: Certificate, now: datetime) -> list[Badge]:
    """The state as it matters now, then what is unusual about the certificate."""
    badges = [_state(certificate, now)]
    if certificate.paused_at is not None:
        badges.append(Badge("Paused", "warn", certificate.pause_reason))
    if certificate.ca_account is not None and certificate.ca_account.is_staging:
        badges.append(Badge("Staging", "mute", "Browsers do not trust it."))
    if not certificate.auto_renew:
        badges.append(Badge("Manual", "mute", "It is not renewed automatically."))
    return badges


def _state(certificate: Certificate, now: datetime) -> Badge:
    state = CertificateState(certificate.state)
    if state == CertificateState.ACTIVE:
        tone = expiry_tone(certificate, now)
        if tone == "bad":
            return Badge("Expired", "bad")
        if tone == "warn":
            return Badge(
                "Expiring", "warn", "Nothing will renew it in time, or renewal is overdue."
            )
    return Badge(str(state.label), TONES[state])


def expiry_tone(certificate: Certificate, now: datetime) -> str:
    """`bad` after expiry; `warn` within a week of it if renewal is off, paused or overdue."""
    if certificate.expires_at is None or certificate.state != CertificateState.ACTIVE:
        return ""
    if certificate.expires_at <= now:
        return "bad"
    renews = certificate.auto_renew and certificate.paused_at is None
    in_time = renews and certificate.renew_at is not None and certificate.renew_at > now
    return "warn" if certificate.expires_at - now <= SOON and not in_time else ""


def version_badges(version: Version, certificate: Certificate, now: datetime) -> list[Badge]:
    badges = []
    if certificate.current_version_id == version.pk:
        badges.append(Badge("Current", "good"))
    if version.revoked_at is not None:
        badges.append(Badge("Revoked", "bad", version.get_revocation_reason_display()))
    if version.not_after <= now:
        badges.append(Badge("Expired", "mute"))
    if version.stored_at is None:
        badges.append(Badge("Not stored yet", "warn"))
    return badges or [Badge("Superseded", "mute")]


def order_badge(state: str, *, quiet: bool = False) -> Badge:
    """`quiet` takes the colour from success, so that the rest is seen among many."""
    label = "Waiting" if state == OrderState.WAITING else str(OrderState(state).label)
    is_plain = quiet and state == OrderState.SUCCEEDED
    return Badge(label, "mute" if is_plain else TONES[state])


def order_title(order: Order) -> str:
    return f"{order.get_kind_display()} {order.certificate.name}"


def name_and_sans(certificate: Certificate) -> SafeString:
    """The name, and under it the names that it does not say."""
    others = [name for name in certificate.names if name != certificate.name]
    if not others:
        return format_html('<span class="name">{}</span>', certificate.name)
    shown = ", ".join(others[:SANS_SHOWN])
    more = f" and {len(others) - SANS_SHOWN} more" if len(others) > SANS_SHOWN else ""
    return format_html(
        '<span class="name">{}</span><span class="sans" title="{}">{}{}</span>',
        certificate.name,
        ", ".join(others),
        shown,
        more,
    )


def words(pairs: dict[str, str]) -> SafeString:
    """What the CA said about each name."""
    items = format_html_join("", "<dt>{}</dt><dd>{}</dd>", pairs.items())
    return format_html('<dl class="words">{}</dl>', items)
