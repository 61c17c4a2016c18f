"""A headless Chromium whose every complaint is kept."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from playwright.sync_api import BrowserContext, Page, sync_playwright
from pytest_django import live_server_helper

from tests.cast import PASSWORD

ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Visitor:
    """Somebody at a browser; `complaints` are errors of the console, CSP violations among them."""

    context: BrowserContext
    page: Page
    base_url: str
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.base_url}{path}")
        return self.page

    def sign_in(self, user: User) -> None:
        self.open("/admin/login/")
        self.page.get_by_label("User name").fill(user.username)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Log in").click()
        self.page.get_by_role("heading", name="Overview").wait_for()


@pytest.fixture
def visit(live_server: live_server_helper.LiveServer) -> Iterator[Callable[..., Visitor]]:
    """Opens browsers; options such as `color_scheme` go to the browser's context."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=ARGUMENTS
        )

        def new(**options: Any) -> Visitor:
            context = browser.new_context(**options)
            visitor = Visitor(context, context.new_page(), live_server.url)
            visitor.page.on("console", lambda message: _keep(visitor, message))
            visitor.page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
            return visitor

        yield new
        browser.close()


def _keep(visitor: Visitor, message: Any) -> None:
    if message.type in ("error", "warning"):
        visitor.complaints.append(message.text)


def aside(work: Callable[[], Any]) -> Any:
    """Use the database from a thread of its own: the browser's event loop is in this one."""

    def run() -> Any:
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(run).result()
