"""Codes of an authenticator app (RFC 6238), each accepted once, whatever web worker is asked."""

import base64
import secrets
import time

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from allauth.mfa.utils import decrypt
from django.db import transaction
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

PERIOD = 30
TOLERANCE = 1
"""Steps by which the two clocks may differ (RFC 6238 §5.2)."""
_LAST = "last_step"
_SESSION_KEY = "signin_totp_seed"
_SECRET_BYTES = 20


def step_of(secret: str, code: str) -> int | None:
    """The time step that this is the code of, if it is a present one."""
    now = int(time.time()) // PERIOD
    for step in range(now - TOLERANCE, now + TOLERANCE + 1):
        if compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, step))):
            return step
    return None


def accept(authenticator: Authenticator, code: str) -> bool:
    """Whether the code is right and newer than the last one that was accepted (§5.2)."""
    step = step_of(decrypt(authenticator.data["secret"]), code)
    return step is not None and use(authenticator, step)


def use(authenticator: Authenticator, step: int) -> bool:
    """Note the step as the last one; False if it, or a later one, was before."""
    with transaction.atomic():
        row = Authenticator.objects.select_for_update().get(pk=authenticator.pk)
        if row.data.get(_LAST, 0) >= step:
            return False
        row.data[_LAST] = step
        row.save(update_fields=["data"])
        # The caller saves its own copy again.
        authenticator.data = row.data
    return True


def offer(request: HttpRequest, *, is_new: bool) -> str:
    """The secret that is being set up, in base32.

    The session keeps what it is derived from; with the site's key alone it is a secret.
    """
    seed = request.session.get(_SESSION_KEY)
    if is_new or not seed:
        seed = request.session[_SESSION_KEY] = secrets.token_urlsafe(32)
    digest = salted_hmac("certmate.signin.totp", seed, algorithm="sha256").digest()
    return base64.b32encode(digest[:_SECRET_BYTES]).decode()


def settled(request: HttpRequest) -> None:
    """The secret is in use; the session forgets it."""
    request.session.pop(_SESSION_KEY, None)
