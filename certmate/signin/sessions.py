"""Sessions: which there are of a user, when they were last used, and ending them."""

from datetime import datetime, timedelta

from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest

from certmate.audit.services import record
from certmate.core import clock
from certmate.core.errors import NotFound

RESOLUTION = timedelta(minutes=5)
"""How exact "last seen" is; more would be a write for each request."""
_SESSION_KEY = "signin_seen_at"


def of(user: User) -> list[UserSession]:
    """The living sessions, the one used last first."""
    found: list[UserSession] = UserSession.objects.purge_and_list(user)
    return sorted(found, key=lambda session: session.last_seen_at, reverse=True)


def seen(request: HttpRequest) -> None:
    """Note that the session is in use, unless that was noted a moment ago."""
    now, key = clock.now(), request.session.session_key
    noted = request.session.get(_SESSION_KEY)
    # The key changes when the password does.
    if noted and noted[1] == key and now - datetime.fromisoformat(noted[0]) < RESOLUTION:
        return
    request.session[_SESSION_KEY] = [now.isoformat(), key]
    UserSession.objects.create_from_request(request)


def end(*, user: User, number: int) -> None:
    """End one of the user's sessions. Raises NotFound for any other."""
    session = UserSession.objects.filter(user=user, pk=number).first()
    if session is None:
        raise NotFound("There is no such session.")
    with transaction.atomic():
        session.end()
        record(user, "signin.session_ended", address=session.ip)


def end_all(*, user: User, but: str | None = None) -> int:
    """End every session of the user, except the one with the key `but`; returns how many."""
    with transaction.atomic():
        keys = list(UserSession.objects.filter(user=user).values_list("session_key", flat=True))
        ended = [key for key in keys if key != but]
        Session.objects.filter(session_key__in=ended).delete()
        UserSession.objects.filter(session_key__in=ended).delete()
        if ended:
            record(user, "signin.sessions_ended", count=len(ended))
    return len(ended)
