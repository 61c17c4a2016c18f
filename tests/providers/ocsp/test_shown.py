"""The responder and the address as people and programs see them."""

from typing import Any

import pytest

from providers import services
from providers.authority.custody import passphrase
from providers.models import Authority, LedgerEntry
from providers.services.ocsp import responders
from tests.caller import Caller, problem
from tests.cast import Cast
from tests.providers.authority import making
from tests.providers.authority.making import PASSPHRASE, SYSTEM
from tests.ui.pages import page, signed_in, text

pytestmark = pytest.mark.django_db

URL = "http://127.0.0.1:8000/pki/{}/ocsp"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> Authority:
    monkeypatch.setattr(passphrase, "ROUNDS", 1)
    return making.root("offline", passphrase=PASSPHRASE)


def test_the_page_of_an_authority_shows_its_responder(
    root: Authority, offline: Authority, cast: Cast
) -> None:
    client = signed_in(cast.owner)

    def shown(authority: Authority) -> str:
        return text(client.get(page(authority)))

    assert URL.format("root") in shown(root)
    assert "The scheduler makes it within a minute." in shown(root)
    responders.keep()
    responder = LedgerEntry.objects.get(kind="ocsp")
    assert responder.serial in shown(root)
    assert "Active" in shown(root)
    services.revoke_entry(actor=SYSTEM, entry=responder)
    assert "To be replaced" in shown(root)
    assert "OCSP responder" not in shown(offline)
    assert URL.format("offline") not in shown(offline)
    line = text(client.get(page(responder)))
    assert "OCSP responder" in line


def test_the_api_tells_the_address_and_takes_the_hours(
    root: Authority, offline: Authority, cast: Cast
) -> None:
    owner, path = Caller(cast.owner), "/api/authorities/root"

    def address(name: str) -> Any:
        return owner.get(f"/api/authorities/{name}").json()["active_key"]["ocsp_url"]

    assert (address("root"), address("offline")) == (URL.format("root"), None)
    assert owner.get(path).json()["ocsp_hours"] == 96
    assert owner.patch(path, ocsp_hours=0).json()["ocsp_hours"] == 0
    assert address("root") is None
    for wrong in (-1, 241):
        assert problem(owner.patch(path, ocsp_hours=wrong), 400, "request.invalid")
    made = owner.post(
        "/api/authorities", name="two", kind="root", subject={"CN": "2"}, ocsp_hours=8
    )
    assert made.json()["ocsp_hours"] == 8
    responders.keep()
    lines = owner.get("/api/authorities/two/ledger?kind=ocsp").json()["results"]
    assert [line["kind"] for line in lines] == ["ocsp"]
