"""Asking for pages of the admin as one of the cast."""

from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext

from certmate.ui.base import admin_url


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(target: Model | type[Model], name: str = "change") -> str:
    """The address of a page of the admin."""
    return admin_url(target, name)


def text(response: Any) -> str:
    """The page as it was sent."""
    return response.content.decode()  # type: ignore[no-any-return]


def told(response: Any) -> list[str]:
    """The messages of the page that a redirect was followed to."""
    return [str(message) for message in response.context["messages"]]


def queries(client: Client, url: str) -> int:
    """How many queries the page takes, once content types are known to the process."""
    client.get(url)
    with CaptureQueriesContext(connection) as captured:
        response = client.get(url)
    assert response.status_code == 200
    return len(captured)
