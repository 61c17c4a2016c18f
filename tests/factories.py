"""Objects in a state that a test starts from, made without a CA."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from certificates.choices import CertificateState, OrderKind
from certificates.models import Certificate, Order, Version
from certmate.access.actors import Actor
from providers.models import Authority, CAAccount, DNSAccount, Profile
from providers.services import create_authority, update_profile
from storage.models import StorageTarget

WANTED = (
    *("names", "ca_account", "authority", "profile", "validity_days", "dns_account"),
    *("ca_profile", "challenge_type", "key_type", "csr"),
)

RFC2136 = {
    "nameserver": "127.0.0.1",
    "port": "53",
    "tsig_key": "certmate",
    "tsig_secret": "c2VjcmV0LWNhbmFyeS1mb3ItdGVzdHM=",
    "tsig_algorithm": "HMAC-SHA256",
}


def ca_account(name: str = "ca", **fields: Any) -> CAAccount:
    defaults = {
        "provider": "acme",
        "directory_url": "https://ca.example.test/directory",
        "email": "ops@example.test",
    }
    return CAAccount.objects.create(name=name, **(defaults | fields))


def dns_account(name: str = "dns", **fields: Any) -> DNSAccount:
    defaults = {"provider": "rfc2136", "credentials": RFC2136, "zones": ["example.test"]}
    return DNSAccount.objects.create(name=name, **(defaults | fields))


def authority(name: str = "internal", **fields: Any) -> Authority:
    """A root of CertMate's own."""
    defaults = {"kind": "root", "subject": {"CN": f"{name} root"}, "key_type": "ec256"}
    return create_authority(actor=Actor.system(), name=name, **(defaults | fields))


def profile(name: str, **fields: Any) -> Profile:
    """The profile `server` under another name, but for these fields."""
    made = Profile.objects.get(name="server")
    made.pk, made.name, made._state.adding = uuid.uuid4(), name, True
    made.save()
    return profile_of(name, **fields)


def profile_of(name: str, **fields: Any) -> Profile:
    """The profile of that name, with these fields from now on."""
    found = Profile.objects.get(name=name)
    return update_profile(actor=Actor.system(), profile=found, **fields)


def storage_target(name: str = "vault", **fields: Any) -> StorageTarget:
    return StorageTarget.objects.create(name=name, **({"backend": "database"} | fields))


def certificate(name: str = "www.example.test", **fields: Any) -> Certificate:
    """A certificate that nothing was issued for yet."""
    fields.setdefault("names", [name])
    if "authority" in fields:
        fields.setdefault("profile", Profile.objects.get(name="server"))
        fields["challenge_type"] = ""
    elif "ca_account" not in fields:
        fields["ca_account"] = CAAccount.objects.filter(name="ca").first() or ca_account()
    if "storage_target" not in fields:
        fields["storage_target"] = (
            StorageTarget.objects.filter(name="vault").first() or storage_target()
        )
    return Certificate.objects.create(name=name, **fields)


def order(wanted: Certificate, kind: str = OrderKind.ISSUE, **fields: Any) -> Order:
    fields.setdefault("next_attempt_at", datetime.now(UTC))
    fields.setdefault("by_system", "requested_by" not in fields)
    for name in WANTED:
        fields.setdefault(name, getattr(wanted, name))
    return Order.objects.create(certificate=wanted, kind=kind, **fields)


def version(of: Certificate, number: int = 1, *, current: bool = True, **fields: Any) -> Version:
    """A version with made-up facts: for lists and rules, not for cryptography."""
    now = datetime.now(UTC)
    defaults = {
        "ca_account": of.ca_account,
        "authority": of.authority,
        "storage_target": of.storage_target,
        "names": of.names,
        "serial": f"{of.pk:x}{number:04x}",
        "fingerprint": f"{of.pk:060x}{number:04x}",
        "issuer": "CN=Test",
        "not_before": now - timedelta(days=1),
        "not_after": now + timedelta(days=89),
        "key_algorithm": "ECDSA",
        "key_size": 256,
        "public_key_hash": f"{of.pk:060x}{number:04x}",
        "cert": "-----BEGIN CERTIFICATE-----\n",
        "stored_at": now,
    }
    made = Version.objects.create(certificate=of, number=number, **(defaults | fields))
    if current:
        of.current_version, of.state = made, CertificateState.ACTIVE
        of.expires_at, of.renew_at = made.not_after, made.not_after - timedelta(days=30)
        of.save()
    return made
