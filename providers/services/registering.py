"""A CA account as the CA knows it: registered once, with a key that was stored before."""

from django.db import transaction

from certmate.core import clock
from certmate.pki.keys import KeyType, generate
from providers.acme import client
from providers.acme.account import AccountRef
from providers.acme.client import Registered
from providers.acme.runner import Watch
from providers.models import CAAccount

# HMAC-keyed EAB and every CA of the catalogue take this one (RFC 8555 §6.2 asks for ES256 support).
ACCOUNT_KEY_TYPE = KeyType.EC256


def registered(account: CAAccount, watch: Watch) -> AccountRef:
    """The account as the CA knows it, registered if it is not yet."""
    stored = with_key(account)
    return reference(stored) if stored.account_uri else register(stored, watch)


def register(stored: CAAccount, watch: Watch) -> AccountRef:
    """Registers the account with its key, or finds it registered, and keeps its URI and what the CA
    offers.

    A binding that the CA has taken (RFC 8555 §7.3.4) has served, and its HMAC key is forgotten:
    many CAs let each be used once, and nobody else shall use it.
    """
    unregistered = reference(stored)
    watch.step(f"Registering the account at {stored.directory_url}.")
    registered_as = client.register(
        unregistered,
        email=stored.email,
        eab_kid=stored.eab.get("kid", "") if stored.eab.get("hmac_key") else "",
        eab_hmac_key=stored.eab.get("hmac_key", ""),
        watch=watch,
    )
    _keep(stored, registered_as)
    return AccountRef(
        directory_url=unregistered.directory_url,
        key_pem=unregistered.key_pem,
        uri=registered_as.uri,
        trust_bundle=unregistered.trust_bundle,
    )


def _keep(used: CAAccount, registered_as: Registered) -> None:
    with transaction.atomic():
        now = CAAccount.objects.select_for_update().filter(pk=used.pk).first()
        # If it was moved to another directory meanwhile, this one is not its account. Two workers
        # may register at once: with one key they get one account.
        if now is None or now.directory_url != used.directory_url:
            return
        now.account_uri = registered_as.uri
        now.offered_profiles = registered_as.profiles
        now.registered_at = now.registered_at or clock.now()
        if now.eab == used.eab and now.eab:
            now.eab = {"kid": now.eab["kid"]}
        now.save(update_fields=["account_uri", "offered_profiles", "registered_at", "eab"])


def forget_registration(account: CAAccount) -> None:
    """The CA says that it does not know the account; the key registers it again."""
    CAAccount.objects.filter(pk=account.pk).update(account_uri="", registered_at=None)


def with_key(account: CAAccount) -> CAAccount:
    """The account as it is stored, with a key."""
    with transaction.atomic():
        stored = CAAccount.objects.select_for_update().get(pk=account.pk)
        if not stored.account_key:
            stored.account_key = {"pem": generate(ACCOUNT_KEY_TYPE)}
            stored.save(update_fields=["account_key"])
    return stored


def reference(account: CAAccount) -> AccountRef:
    """The account as the ACME calls need it; it has to have its key."""
    return AccountRef(
        directory_url=account.directory_url,
        key_pem=account.account_key["pem"],
        uri=account.account_uri,
        trust_bundle=account.trust_bundle,
    )
