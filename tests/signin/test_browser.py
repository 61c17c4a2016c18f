"""Sign-in in a real browser: security keys, and every page under the content policy."""

from collections.abc import Callable
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group, User
from playwright.sync_api import Page, expect
from pytest_django import Settings

from certmate.signin.configuration import OpenIDProvider
from tests.cast import PASSWORD, Cast
from tests.servers.oidc import OpenIDServer
from tests.signin import people
from tests.ui.conftest import Visitor, aside
from tests.ui.test_browser import CONTRAST

pytestmark = pytest.mark.browser
Visit = Callable[..., Visitor]

SECOND_FACTOR = "/account/second-factor/"


def plug_in_a_key(visitor: Visitor) -> None:
    """A virtual authenticator, whose owner touches it whenever asked."""
    session = visitor.context.new_cdp_session(visitor.page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "usb",
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def enter(page: Page, user: User) -> None:
    page.get_by_label("User name").fill(user.username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


def confirm(page: Page) -> None:
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()


def test_a_security_key_is_added_and_opens_the_door(cast: Cast, visit: Visit) -> None:
    visitor = visit()
    plug_in_a_key(visitor)
    visitor.sign_in(cast.operator)
    page = visitor.open(SECOND_FACTOR)
    page.get_by_role("link", name="Add a security key").click()
    confirm(page)
    page.get_by_label("Name").fill("blue key")
    page.get_by_role("button", name="Add the key").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Recovery codes")
    expect(page.locator("#recovery-codes li")).to_have_count(10)
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_role("cell", name="blue key", exact=True)).to_be_visible()

    visitor.context.clear_cookies()
    page = visitor.open("/admin/")
    enter(page, cast.operator)
    expect(page.get_by_role("heading", level=1)).to_have_text("Second factor")
    page.get_by_role("button", name="Use a security key").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()

    page = visitor.open(SECOND_FACTOR)
    page.get_by_role("link", name="Remove blue key").click()
    page.goto(page.url.replace("/confirm/?", "/confirm/key/?"))
    page.get_by_role("button", name="Use a security key").click()
    page.get_by_role("button", name="Remove key").click()
    expect(page.get_by_role("link", name="Set up an app")).to_be_visible()
    assert aside(lambda: Authenticator.objects.count()) == 0
    assert visitor.complaints == []


def test_without_the_key_there_is_no_way_in(cast: Cast, visit: Visit) -> None:
    visitor = visit()
    plug_in_a_key(visitor)
    visitor.sign_in(cast.operator)
    page = visitor.open(f"{SECOND_FACTOR}keys/add/")
    confirm(page)
    page.get_by_role("button", name="Add the key").click()
    expect(page.locator("#recovery-codes")).to_be_visible()

    stranger = visit()
    plug_in_a_key(stranger)
    page = stranger.open("/admin/")
    enter(page, cast.operator)
    page.get_by_role("button", name="Use a security key").click()
    expect(page.get_by_text("The security key gave no answer")).to_be_visible()
    stranger.open("/admin/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Second factor")


def test_who_has_to_is_led_to_an_app_and_then_let_in(
    cast: Cast, visit: Visit, settings: Settings
) -> None:
    settings.CERTMATE_SECOND_FACTOR_ROLES = ("superuser",)
    visitor = visit()
    page = visitor.open("/admin/")
    enter(page, cast.owner)
    expect(page.get_by_text("Your role needs a second factor")).to_be_visible()
    page.get_by_role("link", name="Set up an app").click()
    confirm(page)
    secret = page.locator("#totp-secret").inner_text()
    page.get_by_label("Code").fill(people.code_of(secret))
    page.get_by_role("button", name="Set up").click()
    page.get_by_role("link", name="I have kept them").click()
    visitor.open("/admin/")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    assert visitor.complaints == []


@pytest.mark.integration
def test_the_way_to_the_provider_and_out_again(
    cast: Cast,
    visit: Visit,
    settings: Settings,
    running_provider: OpenIDServer,
    live_server: Any,
) -> None:
    """Across sites: the content policy must not stand in the way of either."""
    aside(lambda: Group.objects.create(name="helpers"))
    settings.CERTMATE_BASE_URL = live_server.url
    settings.CERTMATE_OIDC = OpenIDProvider(
        issuer=running_provider.issuer,
        client_id="certmate",
        client_secret="not a secret: any is taken",
        groups_claim="groups",
        roles=(("ops", "helpers"),),
        name="Example SSO",
    )
    running_provider.knows("carol", preferred_username="carol", groups=["ops"])
    visitor = visit()
    page = visitor.open("/admin/")
    page.get_by_role("link", name="Log in with Example SSO").click()
    page.get_by_placeholder("sub").fill("carol")
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.locator(".user-menu summary").click()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(f"{running_provider.issuer}/oauth2/end_session**")
    own = [complaint for complaint in visitor.complaints if live_server.url in complaint]
    assert own == []


UNLABELLED = """
() => [...document.querySelectorAll("input, select, textarea, button, img, a")]
    .filter((e) => e.type !== "hidden" && e.checkVisibility())
    .filter((e) => !(e.labels?.length || e.textContent.trim() || e.getAttribute("aria-label")
        || e.hasAttribute("alt") || e.querySelector("img[alt]")))
    .map((e) => e.outerHTML)
"""


class Looker:
    """Looks at the page that is open, as somebody who cannot see well would."""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor, self.page = visitor, visitor.page

    def at(self, heading: str) -> None:
        """The page of this heading: it fits, can be read, and breaks no rule of the content."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(heading)
        assert self.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, heading
        assert self.page.evaluate(CONTRAST) == [], heading
        assert self.page.evaluate(UNLABELLED) == [], heading
        # A browser complains of every refusal, too.
        broken = [c for c in self.visitor.complaints if "status of 403" not in c]
        assert broken == [], heading

    def open(self, path: str, heading: str) -> None:
        self.visitor.open(path)
        self.at(heading)

    def click(self, role: Any, name: str, heading: str) -> None:
        self.page.get_by_role(role, name=name, exact=True).click()
        self.at(heading)


@pytest.fixture(params=[(1280, "light"), (390, "dark")], ids=["wide and light", "narrow and dark"])
def looker(request: pytest.FixtureRequest, visit: Visit, settings: Settings) -> Looker:
    """In a browser of this width and colours, with a provider to choose; contrast is that of
    WCAG 2.1 §1.4.3, level AA.
    """
    width, scheme = request.param
    provider = OpenIDProvider("https://sso.example.test", "c", "s", "groups", (), "Example SSO")
    settings.CERTMATE_OIDC = provider
    return Looker(visit(viewport={"width": width, "height": 800}, color_scheme=scheme))


def test_the_pages_outside_keep_the_content_policy_and_can_be_read(
    cast: Cast, looker: Looker, settings: Settings
) -> None:
    page = looker.page
    looker.open("/account/login/", "CertMate")
    page.get_by_label("User name").fill("nobody")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_role("alert")).to_be_visible()
    looker.at("CertMate")
    settings.CERTMATE_OIDC_ONLY = True
    looker.open("/account/login/", "CertMate")
    page.get_by_text("Emergency access").click()
    looker.at("CertMate")
    looker.open("/account/oidc/callback/", "Sign-in failed")
    looker.visitor.open("/admin/")
    page.get_by_text("Emergency access").click()
    enter(page, cast.owner)
    looker.at("Overview")
    page.locator(".user-menu summary").click()
    looker.click("button", "Log out", "Signed out")


def test_the_pages_inside_keep_the_content_policy_and_can_be_read(
    cast: Cast, looker: Looker
) -> None:
    page = looker.page
    plug_in_a_key(looker.visitor)
    looker.visitor.open("/admin/")
    enter(page, cast.owner)
    looker.open(SECOND_FACTOR, "Second factor")
    looker.click("link", "Set up an app", "Confirm who you are")
    confirm(page)
    looker.at("Set up an authenticator app")
    page.get_by_label("Code").fill(people.code_of(page.locator("#totp-secret").inner_text()))
    looker.click("button", "Set up", "Recovery codes")
    looker.open(f"{SECOND_FACTOR}keys/add/", "Add a security key")
    looker.click("button", "Add the key", "Second factor")
    looker.open(f"{SECOND_FACTOR}recovery-codes/", "Recovery codes")
    looker.open(f"{SECOND_FACTOR}recovery-codes/new/", "New recovery codes")
    looker.open(f"{SECOND_FACTOR}app/remove/", "Remove the authenticator app")
    looker.open(SECOND_FACTOR, "Second factor")
    looker.click("link", "Remove Master key", "Remove a security key")
    looker.open("/account/confirm/key/", "Confirm who you are")
    looker.open("/account/confirm/code/", "Confirm who you are")
    looker.open("/account/sessions/", "Sessions")
    looker.visitor.context.clear_cookies()
    looker.visitor.open("/admin/")
    enter(page, cast.owner)
    looker.at("Second factor")
