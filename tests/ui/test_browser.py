"""The admin in a real browser: the main job, the live page of an order, and the content policy."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from playwright.sync_api import Page, expect

from certificates.models import Certificate, Order, OrderLog
from certmate.access.models import ApiToken
from certmate.core import clock
from tests import factories
from tests.cast import PASSWORD, Cast, token_for
from tests.ui.conftest import Visitor, aside
from tests.ui.pages import page as url_of

pytestmark = pytest.mark.browser

Visit = Callable[..., Visitor]


def advance(**changes: Any) -> None:
    """What a worker would do to the only order: change it and write a line to its log."""
    message = changes.pop("message")

    def work() -> None:
        Order.objects.update(**changes)
        order = Order.objects.get()
        OrderLog.objects.create(order=order, at=clock.now(), step=order.step, message=message)

    aside(work)


def poll(page: Page) -> None:
    """Let the page ask for news once."""
    with page.expect_response(lambda response: "/progress/" in response.url):
        page.clock.run_for(1000)


def test_a_certificate_is_ordered_and_its_order_watched(cast: Cast, visit: Visit) -> None:
    def prepare() -> None:
        factories.dns_account()
        factories.ca_account()
        factories.storage_target()

    aside(prepare)
    visitor = visit()
    visitor.page.clock.install()
    visitor.sign_in(cast.operator)
    page = visitor.open(url_of(Certificate, "add"))
    page.get_by_label("Domain names").fill("www.example.test\nexample.test")
    page.get_by_label("Storage").select_option("vault")
    page.get_by_role("button", name="Issue certificate").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Issue www.example.test")
    status, log = page.locator("#order-status"), page.locator("#order-log")
    expect(status.locator(".badge")).to_have_text("Queued")

    advance(state="running", step="obtain", message="Asking the <CA>.")
    poll(page)
    expect(status.locator(".badge")).to_have_text("Running")
    expect(status.locator(".step-now")).to_have_text("Prove control and obtain the certificate")
    expect(log.locator("li")).to_have_count(1)
    expect(log).to_contain_text("Asking the <CA>.")

    advance(state="failed", error_code="acme.caa", error_detail="CAA forbids.", message="Failed.")
    poll(page)
    expect(status.locator(".badge")).to_have_text("Failed")
    expect(status).to_contain_text("What to do")
    expect(log.locator("li")).to_have_count(2)
    assert visitor.complaints == []

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(20_000)
    expect(status.get_by_role("button", name="Retry now")).to_be_visible()
    assert asked == []

    status.get_by_role("button", name="Retry now").click()
    expect(status.locator(".badge")).to_have_text("Queued")
    advance(state="succeeded", step="done", error_code="", error_detail="", message="Current.")
    poll(page)
    expect(status.locator(".step-done")).to_have_count(4)
    expect(status.get_by_role("button")).to_have_count(0)
    assert visitor.complaints == []


def test_the_order_page_works_without_scripts(cast: Cast, visit: Visit) -> None:
    order = aside(lambda: factories.order(factories.certificate()))
    visitor = visit(java_script_enabled=False)
    visitor.sign_in(cast.operator)
    page = visitor.open(url_of(order))
    expect(page.locator("#order-status .badge")).to_have_text("Queued")
    advance(state="running", step="obtain", message="Asking the CA.")
    page.reload()
    expect(page.locator("#order-log")).to_contain_text("Asking the CA.")
    page.get_by_role("button", name="Cancel order").click()
    expect(page.locator("#order-status .badge")).to_have_text("Cancelled")


def test_a_token_is_shown_and_then_forgotten(cast: Cast, visit: Visit) -> None:
    visitor = visit()
    visitor.sign_in(cast.owner)
    page = visitor.open(url_of(ApiToken, "add"))
    page.get_by_label("Name").fill("deploy")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Make token").click()
    token = page.locator("#token").inner_text()
    assert token.startswith("cm_")
    page.get_by_role("link", name="I have copied it").click()
    expect(page.get_by_role("link", name="deploy")).to_be_visible()
    assert token not in page.content()
    assert visitor.complaints == []


def everything(cast: Cast) -> list[str]:
    """A page of each kind, with something on it."""
    certificate = factories.certificate(names=["www.example.test", "example.test"])
    order = factories.order(certificate, state="failed", error_code="acme.caa", error_detail="No.")
    factories.version(certificate, order=order)
    token_for(cast.owner, "read")
    shown: list[Any] = [
        certificate,
        order,
        certificate.issued_by,
        factories.dns_account(),
        certificate.storage_target,
        ApiToken.objects.get(),
        cast.operator,
        Group.objects.create(name="team"),
    ]
    lists = [url_of(type(thing), "changelist") for thing in shown]
    tools = [url_of(certificate, tool) for tool in ("renew", "reissue", "revoke", "delete")]
    adds = [url_of(Certificate, "add"), url_of(type(shown[2]), "add") + "?kind=acme"]
    audit = ["/admin/audit/event/", "/admin/django_celery_beat/periodictask/"]
    return [
        "/admin/",
        *lists,
        *map(url_of, shown),
        *tools,
        *adds,
        *audit,
        "/admin/password_change/",
    ]


CONTRAST = """
() => {
    const channel = (value) => {
        const part = value / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    };
    const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    const rgba = (color) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        return canvas.getImageData(0, 0, 1, 1).data;
    };
    const luminance = ([r, g, b]) =>
        0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    const ground = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const color = rgba(getComputedStyle(at).backgroundColor);
            if (color[3] === 255) {
                return color;
            }
        }
        return [255, 255, 255];
    };
    const weak = [];
    for (const element of document.querySelectorAll("body *")) {
        const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
        if (!own || !element.checkVisibility({visibilityProperty: true})) {
            continue;
        }
        const [a, b] = [rgba(getComputedStyle(element).color), ground(element)].map(luminance);
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) {
            weak.push(`${element.outerHTML.slice(0, 120)}: ${ratio.toFixed(2)}`);
        }
    }
    return weak;
}
"""


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_every_page_keeps_the_content_policy_fits_and_can_be_read(
    cast: Cast, visit: Visit, width: int, scheme: str
) -> None:
    """Contrast is that of WCAG 2.1 §1.4.3, level AA."""
    urls = aside(lambda: everything(cast))
    visitor = visit(viewport={"width": width, "height": 800}, color_scheme=scheme)
    visitor.sign_in(cast.owner)
    for url in urls:
        page = visitor.open(url)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, url
        assert page.evaluate(CONTRAST) == [], url
        assert visitor.complaints == [], url
