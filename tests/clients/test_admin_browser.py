"""The pages of clients in a real browser: the main jobs, and what every page keeps."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from playwright.sync_api import Page, expect

from certmate.access.actors import Actor
from clients import services
from clients.models import Batch, ClientCertificate, Enrolment, Identity
from clients.services import ClientWish
from clients.services.rows import from_json
from storage.models import StorageTarget
from tests import factories, factories_clients
from tests.cast import Cast
from tests.clients import world
from tests.ui import conftest as ui
from tests.ui.conftest import Visitor, aside
from tests.ui.pages import page as url_of
from tests.ui.test_browser import CONTRAST

pytestmark = pytest.mark.browser

Visit = Callable[..., Visitor]

visit = ui.visit


def prepare() -> None:
    StorageTarget.objects.update(is_default=False)
    factories.storage_target("kept", is_default=True)
    factories.authority("issuing", is_default=True)


def batch(user: Any, count: int = 4) -> Batch:
    rows = from_json([{"common_name": f"device {number}"} for number in range(count)])
    return services.create_batch(actor=Actor.of(user), frame_wish=ClientWish(), rows=rows)


def poll(page: Page) -> None:
    """Let the page ask for news once."""
    with page.expect_response(lambda response: "/progress/" in response.url):
        page.clock.run_for(2000)


def advance(**changes: Any) -> None:
    """What a worker would do to the only batch."""
    aside(lambda: Batch.objects.update(**changes))


def test_a_certificate_is_asked_for_and_downloaded(cast: Cast, visit: Visit) -> None:
    aside(prepare)
    visitor = visit()
    visitor.sign_in(cast.owner)
    page = visitor.open(url_of(ClientCertificate, "add"))
    page.get_by_label("Common name").fill("Jane <Doe>")
    page.get_by_label("E-mail addresses").fill("jane@example.test")
    page.get_by_role("button", name="Issue certificate").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("jane-doe")
    expect(page.locator("#content-main")).to_contain_text("Jane <Doe>")
    page.get_by_text("Download", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Certificate and chain (.pem)").click()
    assert download.value.suggested_filename == "jane-doe.pem"
    assert visitor.complaints == []


def test_a_batch_is_sent_and_watched_to_its_end(cast: Cast, visit: Visit) -> None:
    aside(prepare)
    visitor = visit()
    visitor.page.clock.install()
    visitor.sign_in(cast.owner)
    page = visitor.open(url_of(Batch, "add"))
    sent = {"name": "rows.csv", "mimeType": "text/csv", "buffer": b"common_name\na\nb\nc\nd\n"}
    page.get_by_label("Rows (CSV or JSON)").set_input_files(sent)  # type: ignore[arg-type]
    page.get_by_role("button", name="Issue certificates").click()
    status = page.locator("#progress-status")
    expect(status.locator(".badge")).to_have_text("Queued")
    bar = page.get_by_role("progressbar", name="Rows that are done")
    assert bar.evaluate("bar => [bar.value, bar.max]") == [0, 4]

    advance(state="running", issued=2, failed=1)
    poll(page)
    expect(status.locator(".badge")).to_have_text("Running")
    assert bar.evaluate("bar => [bar.value, bar.max]") == [3, 4]

    advance(state="done", issued=3)
    poll(page)
    expect(status.locator(".badge")).to_have_text("Done")
    expect(page.get_by_role("link", name="Cancel batch")).to_have_count(0)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(20_000)
    expect(status).to_contain_text("4 of 4 rows")
    assert asked == []
    assert visitor.complaints == []


def test_the_page_of_a_batch_works_without_scripts(cast: Cast, visit: Visit) -> None:
    def take_in() -> Batch:
        prepare()
        return batch(cast.owner)

    made = aside(take_in)
    visitor = visit(java_script_enabled=False)
    visitor.sign_in(cast.owner)
    page = visitor.open(url_of(made))
    advance(state="running", issued=1)
    page.reload()
    expect(page.locator("#progress-status")).to_contain_text("1 of 4 rows")


def everything(cast: Cast) -> list[str]:
    """A page of each kind, with something on it."""
    prepare()
    rights = Permission.objects.filter(content_type__app_label__in=("clients", "providers"))
    cast.operator.user_permissions.add(*rights)
    jane = factories_clients.identity("jane", subject={"O": "Example"}, description="Jane Doe")
    names = {"email": ["jane@example.test"], "uri": ["https://example.test/jane"]}
    one = factories_clients.issued("jane", identity="jane", identifier="jane-laptop", san=names)
    held = factories_clients.issued("held", auto_renew=False)
    services.revoke_client_certificate(
        actor=world.SYSTEM, certificate=held, reason="certificateHold"
    )
    csr = factories_clients.csr(factories_clients.key(), "signer")
    asked = ClientWish(csr=csr, profile="code-signing")
    actor = Actor.of(type(cast.operator).objects.get(pk=cast.operator.pk))
    _, enrolment = services.request_client_certificate(actor=actor, wish=asked)
    assert enrolment is not None
    made = batch(cast.owner)
    Batch.objects.update(state="running", issued=1, failed=1)
    made.rows.filter(number=1).update(state="failed", error_code="client.exists", error_detail="No")
    shown = [one, held, jane, enrolment, made]
    tools = ("renew", "renew_csr", "revoke", "delete", "download_pem", "export_pkcs12")
    return [
        "/admin/",
        *(url_of(model, "changelist") for model in (ClientCertificate, Identity, Enrolment, Batch)),
        *(url_of(model, "add") for model in (ClientCertificate, Identity, Batch)),
        "/admin/clients/clientcertificate/upload/",
        *map(url_of, shown),
        *(url_of(one, tool) for tool in tools),
        *(url_of(enrolment, tool) for tool in ("approve", "reject")),
        *(url_of(made, tool) for tool in ("cancel", "export_key")),
    ]


NAMELESS = """
() => [...document.querySelectorAll("input:not([type=hidden]), select, textarea, progress")]
    .filter((e) => e.checkVisibility() && !e.labels.length && !e.ariaLabel)
    .map((e) => e.outerHTML.slice(0, 120))
"""


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_every_page_keeps_the_content_policy_fits_and_can_be_read(
    cast: Cast, visit: Visit, width: int, scheme: str
) -> None:
    urls = aside(lambda: everything(cast))
    visitor = visit(viewport={"width": width, "height": 800}, color_scheme=scheme)
    visitor.sign_in(cast.owner)
    for url in urls:
        page = visitor.open(url)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, url
        assert page.evaluate(CONTRAST) == [], url
        assert page.evaluate(NAMELESS) == [], url
        assert visitor.complaints == [], url
