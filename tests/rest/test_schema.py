"""The schema says what the API does, and its documentation keeps to the site's CSP."""

import io
import re
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from django.urls import get_resolver

from certmate.rest.views import Endpoint
from tests.caller import Caller
from tests.cast import Cast
from tests.openapi import schema


def test_it_is_made_without_a_warning_and_is_valid() -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=io.StringIO())


@pytest.mark.django_db
def test_it_is_served_as_json_and_as_yaml(cast: Cast) -> None:
    caller = Caller(cast.auditor, "read")
    answer = caller.get("/api/schema")
    assert answer.json()["openapi"].startswith("3.")
    assert yaml.safe_load(caller.get("/api/schema?format=yaml").content) == answer.json()


def test_every_call_says_how_it_fails_and_who_may_make_it() -> None:
    for path, methods in schema()["paths"].items():
        for method, operation in methods.items():
            if path in ("/health", "/ready"):
                assert "security" not in operation or operation["security"] == [{}]
                continue
            assert operation["security"] == [{"token": []}, {"session": []}], path
            assert {"401", "403"} <= set(operation["responses"]), (path, method)
            assert operation["description"], (path, method)


def test_every_view_declares_what_it_answers() -> None:
    views = {
        getattr(p.callback, "view_class", None) or getattr(p.callback, "cls", None)
        for p in _patterns()
    }
    endpoints = [view for view in views if view and issubclass(view, Endpoint)]
    assert len(endpoints) > 20
    for view in endpoints:
        handled = {m.upper() for m in ("get", "post", "put", "patch", "delete") if hasattr(view, m)}
        assert handled == set(view.operations), view


def _patterns(resolver: Any = None) -> Any:
    for pattern in (resolver or get_resolver()).url_patterns:
        if hasattr(pattern, "url_patterns"):
            yield from _patterns(pattern)
        else:
            yield pattern


@pytest.mark.django_db
def test_the_documentation_has_no_inline_script_or_style(cast: Cast) -> None:
    browser = Client()
    assert browser.get("/api/docs")["Location"] == "/account/login/?next=/api/docs"
    browser.force_login(cast.auditor)
    page = browser.get("/api/docs")
    text = page.content.decode()
    policy = page["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "<style" not in text
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"\sstyle=|\son\w+=", text)
    sources = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert all(source.startswith("/") for source in sources)
    script = browser.get("/api/docs?script=")
    assert script["Content-Type"].startswith("application/javascript")
