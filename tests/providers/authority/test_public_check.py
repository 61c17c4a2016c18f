"""The check from outside, against the application behind a real HTTP server."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from certmate.core import clock
from providers import public, services
from providers.models import CRL, LedgerEntry, Revocation
from providers.services import addresses, signing
from providers.services.ocsp import answering, producing
from tests.providers.authority import making
from tests.providers.authority.making import SYSTEM

pytestmark = pytest.mark.django_db(transaction=True)


def check(*names: str) -> str:
    out = StringIO()
    call_command("check_public", *names, stdout=out)
    return out.getvalue()


@pytest.fixture
def server(live_server: Any, settings: Any) -> Any:
    answering.forget_issuers()
    settings.CERTMATE_PKI_URL = live_server.url
    return live_server


def test_what_is_published_is_fetched_and_verified(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = making.root(crl_shards=2)
    services.revoke_entry(actor=SYSTEM, entry=making.leaf(root).entry)
    services.publish_crls(actor=SYSTEM, authority=root)
    producing.produce_due()
    said = check("root")
    for what in ("ca/1.cer", "crl/0.crl", "delta/0.crl", "crl/1.crl", "delta/1.crl", "ocsp"):
        assert f"{server.url}/pki/root/{what}: right\n" in said
    assert said.endswith("6 addresses are right.\n")
    with pytest.raises(CommandError, match="no authority"):
        check("nobody")


def test_each_fault_is_told_with_its_address(server: Any) -> None:
    services.publish_crls(actor=SYSTEM, authority=making.root())
    services.publish_crls(actor=SYSTEM, authority=making.root("other"))
    crl = CRL.objects.get(key__authority__name="root")
    other = CRL.objects.get(key__authority__name="other")
    faults: dict[str, dict[str, Any]] = {
        "has not signed": {"content": bytes(other.content)},
        "is no CRL": {"content": b"garbage"},
        "It is a delta CRL": {"content": bytes(crl.delta)},
        "Its number is": {"number": crl.number - 1},
    }
    making.leaf(crl.key.authority)
    producing.produce_due()
    revoked = LedgerEntry.objects.filter(kind="leaf").latest("pk")
    Revocation.objects.create(
        entry=revoked,
        key=revoked.key,
        shard=revoked.shard,
        serial=revoked.serial,
        reason="superseded",
        revoked_at=clock.now(),
        not_after=revoked.not_after,
    )
    out = StringIO()
    with pytest.raises(CommandError, match=r"1 of 8 addresses are not right"):
        call_command("check_public", stdout=out)
    assert f"Of {revoked.serial} it says good, which is revoked." in out.getvalue()
    Revocation.objects.all().delete()
    for words, change in faults.items():
        CRL.objects.filter(pk=crl.pk).update(**change)
        out = StringIO()
        with pytest.raises(CommandError, match=r"[12] of 8 addresses are not right"):
            call_command("check_public", stdout=out)
        assert words in out.getvalue()
        CRL.objects.filter(pk=crl.pk).update(content=crl.content, number=crl.number)


def test_a_cache_may_have_the_crl_before_for_an_hour(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = making.root()
    (first,) = services.publish_crls(actor=SYSTEM, authority=root)
    services.publish_crls(actor=SYSTEM, authority=root)
    monkeypatch.setattr(
        public, "_newest", lambda *_: (first.pk, 1, first.this_update, first.next_update, 1)
    )
    assert "3 addresses are right" in check()
    later = clock.now() + timedelta(hours=1, seconds=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    with pytest.raises(CommandError, match="2 of 3"):
        check()


def test_an_address_where_nobody_answers_is_told(settings: Any) -> None:
    settings.CERTMATE_PKI_URL = "http://127.0.0.1:9"
    root = making.root()
    out = StringIO()
    with pytest.raises(CommandError, match="3 of 3"):
        call_command("check_public", stdout=out)
    key = making.key_of(root)
    assert f"{addresses.ca_url(key)}: It cannot be reached (ConnectionError)." in out.getvalue()
    assert signing.public_url(root) == "http://127.0.0.1:9/pki/root"
