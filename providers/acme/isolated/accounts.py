"""The operations that need no certbot: registration, revocation, renewal information."""

import datetime
from collections.abc import Mapping
from typing import Any

from acme import errors, messages
from acme.client import ClientV2
from josepy.json_util import decode_cert

from providers.acme.catalogue import is_profile
from providers.acme.failures import clean
from providers.acme.isolated import session

_ASK_AGAIN = datetime.timedelta(hours=6)
_AUTHORITY_KEY_IDENTIFIER = "2.5.29.35"
_MOST_PROFILES, _LONGEST_ABOUT = 50, 300


class BadBinding(Exception):
    """The HMAC key of the external account binding is not base64url."""


def register(request: dict[str, Any]) -> dict[str, Any]:
    """Registers our key; an account that the CA has for it already is ours as well."""
    client = session.connect(request, registered=False)
    wanted = messages.NewRegistration.from_data(
        email=request["email"] or None,
        terms_of_service_agreed=True,
        external_account_binding=_binding(request, client),
    )
    try:
        uri = client.new_account(wanted).uri
    except errors.ConflictError as known:
        uri = known.location
    return {"uri": str(uri), "profiles": profiles(client)}


def profiles(client: ClientV2) -> dict[str, str]:
    """What the directory offers (draft-ietf-acme-profiles §3): names that can be asked for, each
    with the CA's words about it.
    """
    offered = client.directory.meta.profiles
    found = offered.items() if isinstance(offered, Mapping) else ()
    usable = [(name, clean(about, _LONGEST_ABOUT)) for name, about in found if is_profile(name)]
    return dict(usable[:_MOST_PROFILES])


def _binding(request: dict[str, Any], client: ClientV2) -> dict[str, Any] | None:
    if not request["eab"]:
        return None
    # CAs' portals show either alphabet of base64, with or without padding.
    hmac_key = request["eab"]["hmac_key"].translate(str.maketrans("+/", "-_")).rstrip("=")
    try:
        return messages.ExternalAccountBinding.from_data(
            session.account_key(request).public_key(),
            request["eab"]["kid"],
            hmac_key,
            client.directory,
        )
    except ValueError:
        raise BadBinding from None


def revoke(request: dict[str, Any]) -> dict[str, str]:
    """Revokes as the account (RFC 8555 §7.6)."""
    cert = decode_cert(session.der_text(request["certificate"]))
    session.connect(request).revoke(cert, request["reason"])
    return {}


def renewal_windows(request: dict[str, Any]) -> dict[str, list[tuple[str | None, str]]]:
    """For each certificate the instant to renew at, if the CA says one, and when to ask again."""
    client = session.connect(request)
    return {"windows": [_window(client, pem) for pem in request["certificates"]]}


def _window(client: ClientV2, pem: str) -> tuple[str | None, str]:
    at: datetime.datetime | None = None
    again = datetime.datetime.now(datetime.UTC) + _ASK_AGAIN
    # RFC 9773 §4.1 names a certificate by its authority key identifier; private CAs may set none.
    found = decode_cert(session.der_text(pem)).extensions
    if any(extension.oid.dotted_string == _AUTHORITY_KEY_IDENTIFIER for extension in found):
        try:
            at, again = client.renewal_time(pem.encode())
        except errors.ARIError as error:
            again = error.retry_after
    return (at.isoformat() if at else None, _aware(again).isoformat())


def _aware(instant: datetime.datetime) -> datetime.datetime:
    # The library may give naive local time; astimezone() reads it as that.
    return instant.astimezone(datetime.UTC)
