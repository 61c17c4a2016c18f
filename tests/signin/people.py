"""Signing in as a person does: through the pages."""

import time
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, generate_totp_secret, hotp_value
from allauth.mfa.utils import encrypt
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from certmate.core import clock
from certmate.signin import totp
from tests.cast import PASSWORD

SIGN_IN = "/account/login/"
SECOND = "/account/login/second-factor/"
HOME = "/admin/"


def enter(name: str, password: str = PASSWORD, *, address: str = "192.0.2.1", to: str = "") -> Any:
    """Send the sign-in form from this address with a browser that has no session."""
    return post(Client(REMOTE_ADDR=address), name, password, to=to)


def post(client: Client, name: str, password: str = PASSWORD, *, to: str = "") -> Any:
    query = f"?next={to}" if to else ""
    return client.post(f"{SIGN_IN}{query}", {"login": name, "password": password})


def signed_in(user: User, **options: Any) -> Client:
    """A browser in which somebody without a second factor has signed in."""
    client = Client(**options)
    assert post(client, user.username).status_code == 302
    return client


def is_in(response: Any) -> bool:
    """Whether the answer to the form is the way in."""
    return bool(response.status_code == 302 and response.headers["Location"] == HOME)


def give_app(user: User) -> str:
    """Set up an authenticator app for somebody; returns its secret."""
    secret: str = generate_totp_secret()
    data = {"secret": encrypt(secret)}
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data=data)
    return secret


def code_of(secret: str, *, later: int = 0) -> str:
    """What the app shows, so many steps later."""
    return code_at(secret, int(time.time()) // totp.PERIOD + later)


def code_at(secret: str, step: int) -> str:
    return str(format_hotp_value(hotp_value(secret, step)))


def wrong(code: str) -> str:
    return str((int(code) + 1) % 10**6).zfill(6)


def events(user: User) -> list[str]:
    """What the audit log says happened to this user's sign-in, in order."""
    rows = LogEntry.objects.get_for_object(user).order_by("pk")
    told = [str((row.additional_data or {}).get("event", "")) for row in rows]
    return [event for event in told if event.startswith("signin.")]


def wait(monkeypatch: pytest.MonkeyPatch, span: timedelta) -> None:
    """Go on that much later."""
    later = clock.now() + span
    monkeypatch.setattr(clock, "now", lambda: later)
