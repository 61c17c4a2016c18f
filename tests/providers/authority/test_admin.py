"""Authorities, profiles and the ledger in the admin."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from guardian.shortcuts import assign_perm

from certmate.access.models import Team
from providers.authority.custody import passphrase
from providers.choices import KeyState
from providers.models import CRL, Authority, AuthorityKey, LedgerEntry
from tests.cast import Cast
from tests.providers.authority import making
from tests.providers.authority.making import PASSPHRASE, outside_root_signs
from tests.ui.pages import page, queries, signed_in, text, told

pytestmark = pytest.mark.django_db

NEW = {
    "name": "root",
    "kind": "root",
    "common_name": "Example Root",
    "organisation": "Example",
    "key_type": "ec256",
    "custody": "database",
    "crl_hours": "48",
    "delta_crl_hours": "12",
    "ocsp_hours": "24",
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passphrase, "ROUNDS", 1)


@pytest.fixture
def client(cast: Cast) -> Any:
    return signed_in(cast.owner)


def errors(response: Any) -> dict[str, Any]:
    return dict(response.context["form"].errors)


def test_an_authority_is_made(client: Any) -> None:
    assert "Nobody" not in text(client.get(page(Authority, "changelist")))
    response = client.post(
        page(Authority, "add"), NEW | {"permitted_dns": "example.test, internal"}
    )
    root = Authority.objects.get()
    assert response.headers["Location"] == page(root)
    assert root.subject == {"O": "Example", "CN": "Example Root"}
    assert root.name_constraints == {"permitted": {"dns": ["example.test", "internal"]}}
    html = text(client.get(page(root)))
    key = root.keys.get()
    for shown in (
        key.serial,
        key.fingerprint,
        "CN=Example Root,O=Example",
        "Only DNS: example.test",
    ):
        assert shown in html
    assert f'data-copy="{key.fingerprint}"' in html
    assert "BEGIN CERTIFICATE" not in html
    assert "{&#x27;" not in html


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": "Not A Name"}, "name"),
        ({"name": "import"}, "name"),
        ({"common_name": ""}, "common_name"),
        ({"country": "Germany"}, "country"),
        ({"custody": "passphrase"}, "passphrase"),
        ({"custody": "database", "passphrase": PASSPHRASE}, "passphrase_again"),
        (
            {"passphrase": PASSPHRASE, "passphrase_again": PASSPHRASE},
            "passphrase",
        ),
        ({"validity_days": "0"}, "validity_days"),
        ({"permitted_dns": "*.example.test"}, "permitted_dns"),
        ({"excluded_ip": "192.0.2.1/24"}, "excluded_ip"),
    ],
)
def test_a_refused_authority_is_told_at_its_field_and_makes_no_key(
    client: Any, changed: dict[str, str], field: str
) -> None:
    response = client.post(page(Authority, "add"), NEW | changed)
    assert list(errors(response)) == [field]
    assert PASSPHRASE not in text(response)
    assert not AuthorityKey.objects.exists()


def test_an_offline_root_signs_an_intermediate_in_the_browser(client: Any) -> None:
    secret = {"custody": "passphrase", "passphrase": PASSPHRASE, "passphrase_again": PASSPHRASE}
    client.post(page(Authority, "add"), NEW | secret)
    root = Authority.objects.get()
    data = {**NEW, "called": "issuing", "common_name": "Example Issuing"}
    tool = page(root, "intermediate")
    wrong = client.post(tool, data | {"opening": "something else here"})
    assert list(errors(wrong)) == ["opening"]
    made = client.post(tool, data | {"opening": PASSPHRASE})
    issuing = Authority.objects.get(name="issuing")
    assert made.headers["Location"] == page(issuing)
    assert issuing.parent == root
    published = client.post(page(root, "publish_crls"), {"passphrase": PASSPHRASE}, follow=True)
    assert told(published)[-1] == "1 CRL is published."
    assert CRL.objects.get().key.authority == root


def test_a_key_is_rotated_and_its_table_tells(client: Any) -> None:
    root = making.root()
    response = client.post(page(root, "rotate"), follow=True)
    assert told(response) == ["Key 2 signs from now on."]
    tables = {table.title: table.rows for table in response.context["tables"]}
    assert [(row[0], row[-1]) for row in tables["Keys"]] == [(2, "yes"), (1, "no")]
    assert [str(row[2]).count("Missing") for row in tables["CRLs"]] == [1, 1]


def test_an_outside_ca_signs_by_way_of_the_csr(client: Any, tmp_path: Path) -> None:
    client.post(page(Authority, "add"), NEW | {"kind": "intermediate"})
    waiting = Authority.objects.get()
    html = text(client.get(page(waiting)))
    assert "A key waits for its certificate" in html
    assert "Download CSR (.csr)" in html
    assert "Download chain" not in html
    csr = client.post(page(waiting, "csr"))
    assert csr.headers["Content-Disposition"] == 'attachment; filename="root.csr"'
    cert, root = outside_root_signs(csr.content.decode(), tmp_path)
    refused = client.post(page(waiting, "install"), {"certificate": root})
    assert list(errors(refused)) == ["certificate"]
    client.post(page(waiting, "install"), {"certificate": cert, "chain": root})
    assert waiting.keys.get().state == KeyState.ACTIVE
    html = text(client.get(page(waiting)))
    assert "Outside CA, until" in html
    assert client.post(page(waiting, "chain")).content.decode() == cert + root


def test_downloads_name_their_format(client: Any) -> None:
    root = making.root()
    html = text(client.get(page(root)))
    assert "Download certificate (.cer)" in html
    der = client.post(page(root, "certificate"))
    assert (der.headers["Content-Type"], der.content[:1]) == ("application/pkix-cert", b"\x30")
    assert der.headers["Content-Disposition"] == 'attachment; filename="root.cer"'


def test_an_authority_is_disabled_enabled_and_changed(client: Any) -> None:
    root = making.root()
    client.post(page(root, "disable"))
    root.refresh_from_db()
    assert root.disabled_at is not None
    assert "Enable" in text(client.get(page(root)))
    client.post(page(root, "enable"))
    sent = {"crl_hours": "12", "delta_crl_hours": "0", "ocsp_hours": "0", "crl_shards": "3"}
    client.post(page(root), sent | {"is_default": "on"})
    now = Authority.objects.get()
    assert (now.disabled_at, now.crl_hours, now.ocsp_hours, now.crl_shards) == (None, 12, 0, 3)
    assert now.is_default
    refused = client.post(page(root, "delete"))
    assert "stays revocable" in str(errors(refused))


def test_a_ca_from_elsewhere_is_imported_and_its_key_is_sent_back_to_nobody(client: Any) -> None:
    assert "/import/" in text(client.get(page(Authority, "add")))
    certificate, key = making.elsewhere()
    data = {"name": "taken", "certificate": certificate, "private_key": key}
    secret = {"custody": "passphrase", "passphrase": PASSPHRASE}
    refused = client.post(page(Authority, "import"), data | secret)
    assert list(errors(refused)) == ["passphrase_again"]
    assert key.splitlines()[1] not in text(refused)
    assert PASSPHRASE not in text(refused)
    client.post(page(Authority, "import"), data | secret | {"passphrase_again": PASSPHRASE})
    taken = Authority.objects.get()
    assert (taken.name, taken.kind, taken.custody) == ("taken", "root", "passphrase")


def boxes(client: Any, authority: Authority) -> list[str]:
    """The names in the picture of its chain, from the root down."""
    return [box.name for box in client.get(page(authority)).context["picture"].boxes]


def test_the_chain_is_drawn_from_the_root_down_to_the_children(client: Any) -> None:
    root, middle = making.root(), making.intermediate("middle", path_length=1)
    making.intermediate("last", "middle")
    making.intermediate("sibling", "root")
    assert boxes(client, middle) == ["root", "middle", "last"]
    assert boxes(client, root) == ["root", "middle", "sibling"]
    html = text(client.get(page(middle)))
    svg = re.search(r"<svg[^>]*aria-label=\"Chain.*?</svg>", html, re.DOTALL)
    assert svg is not None
    assert f'<a href="{page(root)}">' in svg[0]
    assert f'<a href="{page(middle)}">' not in svg[0]
    assert "style=" not in svg[0]


def test_hidden_relatives_are_not_in_the_picture(cast: Cast) -> None:
    shop = Team.objects.create(name="shop")
    making.root("hidden-root")
    mine = making.intermediate("mine", "hidden-root", path_length=1, team="shop")
    making.intermediate("hidden-child", "mine")
    making.intermediate("own-child", "mine", team="shop")
    for verb in ("view", "download"):
        assign_perm(f"access.{verb}_under_team", cast.outsider, shop)
    user = User.objects.get(pk=cast.outsider.pk)
    client = signed_in(user)
    assert boxes(client, mine) == ["mine", "own-child"]
    assert "hidden-child" not in text(client.get(page(mine)))


def test_lists_take_as_many_queries_for_twenty_rows_as_for_two(client: Any) -> None:
    root = making.root()
    making.leaf(root)
    models = (Authority, LedgerEntry)
    few = [queries(client, page(model, "changelist")) for model in models]
    for number in range(18):
        making.intermediate(f"i{number}")
    assert [queries(client, page(model, "changelist")) for model in models] == few
    assert max(few) <= 8
