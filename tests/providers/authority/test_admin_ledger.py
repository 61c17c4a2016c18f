"""The ledger and the profiles in the admin."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from guardian.shortcuts import assign_perm

from providers import services
from providers.models import LedgerEntry, Profile, Revocation
from providers.services import ledger
from tests.cast import Cast
from tests.providers.authority import making
from tests.providers.authority.making import SYSTEM
from tests.ui.pages import page, signed_in, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(cast: Cast) -> Any:
    return signed_in(cast.owner)


def errors(response: Any) -> dict[str, Any]:
    return dict(response.context["form"].errors)


def test_an_entry_of_the_ledger_is_read_held_released_and_revoked(client: Any) -> None:
    signed = making.leaf(making.root(), dns=["jane.example.test"])
    entry = making.entry(signed)
    html = text(client.get(page(entry)))
    for shown in ("jane.example.test", "clientAuth", "digitalSignature", entry.serial, "test/jane"):
        assert shown in html
    assert "BEGIN CERTIFICATE" not in html
    assert client.post(page(entry, "pem")).content.decode() == signed.cert
    assert client.post(page(entry, "der")).content == signed.der
    client.post(page(entry, "revoke"), {"reason": "certificateHold"})
    assert "On hold" in text(client.get(page(entry)))
    client.post(page(entry, "release"))
    assert not Revocation.objects.exists()
    late = {"reason": "superseded", "invalidity_at": "2999-01-01T00:00"}
    assert list(errors(client.post(page(entry, "revoke"), late))) == ["invalidity_at"]
    client.post(page(entry, "revoke"), {"reason": "superseded"})
    assert Revocation.objects.get().reason == "superseded"
    assert "Revoke" not in [
        button["tool"].label for button in client.get(page(entry)).context["buttons"]
    ]


def test_the_ledger_is_searched_and_filtered(client: Any) -> None:
    root, other = making.root(), making.root("other")
    entries = [making.leaf(root).entry, making.leaf(other).entry]
    services.revoke_entry(actor=SYSTEM, entry=entries[0])

    def found(query: str) -> set[str]:
        rows = client.get(f"{page(LedgerEntry, 'changelist')}?{query}").context["cl"].result_list
        return {row.serial for row in rows}

    colons = re.sub(r"(..)(?=.)", r"\1:", entries[0].serial.upper())
    for query, expected in {
        f"q={entries[0].serial}": {entries[0].serial},
        f"q={colons}": {entries[0].serial},
        f"q={entries[0].serial[:8]}": set(),
        f"q={entries[1].public_key_hash}": {entries[1].serial},
        "revoked=yes": {entries[0].serial},
    }.items():
        assert found(query) == expected, query
    assert entries[0].serial not in found(f"authority__id__exact={other.pk}")
    assert entries[0].serial in found(f"authority={root.pk}")


def test_what_was_never_signed_says_why(client: Any) -> None:
    signed = making.leaf(making.root(), keep=False)
    entry = making.entry(signed)
    assert "About to be signed" in text(client.get(page(entry)))
    ledger.give_up(entry, "A crash came between.")
    html = text(client.get(page(entry)))
    assert "A crash came between." in html
    assert "Download" not in html
    assert client.post(page(entry, "pem")).status_code == 302


PROFILE = {
    "name": "vpn",
    "certificate_type": "client",
    "key_usage": ["digitalSignature"],
    "extended_key_usage": ["clientAuth"],
    "other_purposes": "1.3.6.1.4.1.311.10.3.12",
    "key_types": ["ec256", "ed25519"],
    "default_days": "30",
    "longest_days": "90",
    "subject_fields": ["CN"],
    "subject": "O=Example\r\nOU = Road warriors",
    "alt_names_email": "example.test",
}


def test_a_profile_is_made_shown_and_changed(client: Any) -> None:
    response = client.post(page(Profile, "add"), PROFILE)
    profile = Profile.objects.get(name="vpn")
    assert response.headers["Location"] == page(profile)
    assert profile.extended_key_usage == ["clientAuth", "1.3.6.1.4.1.311.10.3.12"]
    assert profile.subject == {"O": "Example", "OU": "Road warriors"}
    assert profile.alt_names == {"email": ["example.test"]}
    form = client.get(page(profile)).context["form"]
    assert form.initial["alt_names_email"] == ["example.test"]
    again = {name: value for name, value in PROFILE.items() if name != "name"}
    client.post(page(profile), again | {"longest_days": "60", "needs_approval": "on"})
    profile.refresh_from_db()
    assert (profile.longest_days, profile.needs_approval) == (60, True)
    assert profile.subject == {"O": "Example", "OU": "Road warriors"}
    client.post(page(profile, "delete"))
    assert not Profile.objects.filter(name="vpn").exists()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"key_usage": []}, "key_usage"),
        ({"key_types": ["dsa"]}, "key_types"),
        ({"other_purposes": "2.5.29.37.0"}, "other_purposes"),
        ({"default_days": "91"}, "default_days"),
        ({"subject": "Example"}, "subject"),
        ({"subject": "O={team}"}, "subject"),
        ({"subject": "E=x@example.test"}, "subject"),
        ({"alt_names_dns": "*.*.test"}, "alt_names_dns"),
        ({"alt_names_ip": "nowhere"}, "alt_names_ip"),
    ],
)
def test_a_refused_profile_is_told_at_its_field(
    client: Any, changed: dict[str, Any], field: str
) -> None:
    response = client.post(page(Profile, "add"), PROFILE | changed)
    assert list(errors(response)) == [field]
    assert not Profile.objects.filter(name="vpn").exists()


def test_who_may_only_look_reads_a_profile_in_words(cast: Cast) -> None:
    assign_perm("providers.view_profile", cast.auditor)
    client = signed_in(User.objects.get(pk=cast.auditor.pk))
    html = text(client.get(page(Profile.objects.get(name="client"))))
    assert "digitalSignature" in html
    assert "A person or program that signs in with TLS." in html
    assert '<form method="post" class="card form"' not in html
