"""How what clients have looks to a person: badges of states, names, usages in words."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from certmate.pki.subject import ATTRIBUTES
from certmate.ui.badges import Badge
from certmate.ui.facts import Fact, code, lines
from clients.choices import TONES, BatchState, ClientState, EnrolmentState, Method, RowState
from clients.models import ClientCertificate, ClientVersion
from providers.choices import RevocationReason

SOON = timedelta(days=7)

_NAME_KINDS = {
    "dns": "DNS names",
    "ip": "IP addresses",
    "email": "E-mail addresses",
    "uri": "URIs",
    "other": "Other names",
}
_KEY_USAGES = {
    "digitalSignature": "sign",
    "nonRepudiation": "commit to what is signed",
    "keyEncipherment": "receive keys",
    "dataEncipherment": "receive data",
    "keyAgreement": "agree on keys",
    "keyCertSign": "sign certificates",
    "cRLSign": "sign CRLs",
}
_PURPOSES = {
    "serverAuth": "TLS server",
    "clientAuth": "TLS client",
    "codeSigning": "signed programs",
    "emailProtection": "e-mail (S/MIME)",
    "smartcardLogon": "smart card logon",
    "ipsecIKE": "IPsec",
}


def certificate_badges(certificate: ClientCertificate, now: datetime) -> list[Badge]:
    """The state as it matters now, then what is unusual about the certificate."""
    badges = [_state(certificate, now)]
    if certificate.notice_at is not None:
        badges.append(Badge("Needs action", "warn", certificate.renewal_error))
    if certificate.method == Method.MANUAL:
        badges.append(Badge("Uploaded", "mute", "Another CA issued it."))
    elif not certificate.auto_renew:
        badges.append(Badge("Manual", "mute", "It is not renewed automatically."))
    return badges


def _state(certificate: ClientCertificate, now: datetime) -> Badge:
    state = ClientState(certificate.state)
    if state == ClientState.ACTIVE:
        tone = expiry_tone(certificate, now)
        if tone == "bad":
            return Badge("Expired", "bad")
        if tone == "warn":
            return Badge("Expiring", "warn", "Nothing will renew it in time.")
    label = "Waiting" if state == ClientState.PENDING else str(state.label)
    return Badge(label, TONES[state], str(state.label))


def expiry_tone(certificate: ClientCertificate, now: datetime) -> str:
    """`bad` after expiry; `warn` within a week of it unless it will be renewed before."""
    if certificate.expires_at is None or certificate.state != ClientState.ACTIVE:
        return ""
    if certificate.expires_at <= now:
        return "bad"
    is_due_later = certificate.renew_at is not None and certificate.renew_at > now
    in_time = is_due_later and certificate.notice_at is None and certificate.has_own_key
    return "warn" if certificate.expires_at - now <= SOON and not in_time else ""


def version_badges(
    version: ClientVersion, certificate: ClientCertificate, now: datetime
) -> list[Badge]:
    badges = []
    if certificate.current_version_id == version.pk:
        badges.append(Badge("Current", "good"))
    if version.revoked_at is not None:
        is_held = version.revocation_reason == RevocationReason.CERTIFICATE_HOLD
        label = "On hold" if is_held else "Revoked"
        reason = version.get_revocation_reason_display()
        badges.append(Badge(label, "warn" if is_held else "bad", reason))
    if version.not_after <= now:
        badges.append(Badge("Expired", "mute"))
    if version.stored_at is None:
        badges.append(Badge("Not stored yet", "warn"))
    return badges or [Badge("Superseded", "mute")]


def enrolment_badge(state: str) -> Badge:
    found = EnrolmentState(state)
    label = {EnrolmentState.PENDING: "Waiting", EnrolmentState.DRAFT: "Draft"}.get(found)
    return Badge(label or str(found.label), TONES[found], str(found.label))


def batch_badge(state: str) -> Badge:
    return Badge(str(BatchState(state).label), TONES[state])


def row_badge(state: str) -> Badge:
    return Badge(str(RowState(state).label), TONES[state])


def named(name: str, below: str) -> SafeString:
    """What it is called, and a line below that."""
    if not below or below == name:
        return format_html('<span class="name">{}</span>', name)
    return format_html(
        '<span class="name">{}</span><span class="sans" title="{}">{}</span>', name, below, below
    )


def subject(parts: Mapping[str, str]) -> SafeString | str:
    """A subject, the particular first, each part under the name that people know."""
    known = [*reversed(ATTRIBUTES)]
    order = [name for name in known if name in parts] + [
        name for name in parts if name not in known
    ]
    items = ((name, _label(name), parts[name]) for name in order)
    if not parts:
        return ""
    rows = format_html_join("", '<li><abbr title="{1}">{0}</abbr> {2}</li>', items)
    return format_html('<ul class="plain subject">{}</ul>', rows)


def _label(name: str) -> str:
    return ATTRIBUTES[name].label if name in ATTRIBUTES else name


def alt_names(names: Mapping[str, Sequence[str]]) -> list[Fact]:
    """A line for each kind of alternative name that there is."""
    return [
        Fact(label, lines(list(names[kind])))
        for kind, label in _NAME_KINDS.items()
        if names.get(kind)
    ]


def usages(key_usage: Iterable[str], purposes: Sequence[str]) -> list[Fact]:
    """What the certificate may be used for, in words; a purpose without a name as it is."""
    held = set(key_usage)
    words = [word for name, word in _KEY_USAGES.items() if name in held]
    known = ", ".join(_PURPOSES[name] for name in purposes if name in _PURPOSES)
    others = [code(name) for name in purposes if name not in _PURPOSES]
    return [
        Fact("Used for", lines([*([known] if known else []), *others]) if purposes else "anything"),
        Fact("Its key may", ", ".join(words)),
    ]


def key_words(algorithm: str, size: int) -> str:
    """`ECDSA, 256 bits`; an algorithm whose name says its size stands alone."""
    has_size = algorithm.startswith(("RSA", "EC"))
    return f"{algorithm}, {size} bits" if has_size else algorithm
