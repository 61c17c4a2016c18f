"""CAs whose own certificates are revoked, and the lines of the ledger that these are."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier, BrokenBarrierError
from typing import Any, cast

import pytest
from cryptography import x509
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from certmate.core import clock
from certmate.core.errors import CertMateError, IntegrityFault, UpstreamUnavailable
from certmate.pki.errors import PKIError
from providers import services
from providers.admin.family import with_keys
from providers.authority import cas
from providers.authority.custody import CUSTODIES
from providers.authority.custody.base import Custody
from providers.models import CRL, Authority, AuthorityKey, LedgerEntry
from providers.services import crls
from providers.services.authorities import certifying
from tests.caller import Caller
from tests.providers.authority import making
from tests.providers.authority.making import SYSTEM, key_of

pytestmark = pytest.mark.django_db


def line(key: AuthorityKey) -> LedgerEntry:
    """That of the key's own certificate."""
    return LedgerEntry.objects.get(serial=key.serial)


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(CertMateError) as error:
        call()
    return error.value.code


def signed_by(content: bytes, key: AuthorityKey) -> bool:
    certificate = x509.load_pem_x509_certificate(key.cert.encode())
    public_key: Any = certificate.public_key()
    return x509.load_der_x509_crl(content).is_signature_valid(public_key)


def test_the_certificate_of_a_new_root_key_is_on_that_keys_own_crl() -> None:
    root = making.root(crl_shards=2)
    first = key_of(root)
    services.publish_crls(actor=SYSTEM, authority=root)
    services.rotate_authority(actor=SYSTEM, authority=root)
    second = key_of(root)
    entry = line(second)
    assert entry.shard == 2 + int(entry.serial, 16) % 2
    services.revoke_entry(actor=SYSTEM, entry=entry, reason="superseded")
    crls.publish_shard(second.pk, entry.shard)
    assert CRL.objects.get(key=second).entries == 1
    for shard in first.shards:
        assert signed_by(Client().get(f"/pki/root/crl/{shard}.crl").content, first)
    assert signed_by(Client().get(f"/pki/root/crl/{entry.shard}.crl").content, second)


def test_a_crl_is_made_and_served_for_the_key_that_has_the_shard() -> None:
    root = making.root()
    first = key_of(root)
    crls.publish(first, 0)
    services.rotate_authority(actor=SYSTEM, authority=root)
    second = key_of(root)
    with pytest.raises(IntegrityFault):
        crls.publish(second, 0)
    made = crls.publish(second, 1)
    # As one was made before that was refused.
    CRL.objects.filter(pk=made.pk).update(shard=0)
    assert signed_by(Client().get("/pki/root/crl/0.crl").content, first)


@pytest.mark.parametrize("reason", ["superseded", "keyCompromise", "certificateHold"])
def test_a_revoked_ca_signs_nothing_but_its_crls(reason: str) -> None:
    making.root()
    middle = making.intermediate("middle", path_length=1)
    last = making.intermediate("last", "middle")
    services.revoke_entry(actor=SYSTEM, entry=line(key_of(middle)), reason=reason)
    for ca in (middle, last):
        assert refused(lambda ca=ca: making.leaf(ca)) == "authority.revoked"  # type: ignore[misc]
    assert refused(lambda: making.intermediate("more", "middle")) == "authority.revoked"
    assert LedgerEntry.objects.count() == 3
    assert services.publish_crls(actor=SYSTEM, authority=middle)
    services.rotate_authority(actor=SYSTEM, authority=middle)
    making.leaf(middle)
    # Its certificate still leads to the key that is revoked.
    assert refused(lambda: making.leaf(last)) == "authority.revoked"


def test_what_is_released_from_hold_signs_again() -> None:
    making.root()
    issuing = making.intermediate()
    entry = line(key_of(issuing))
    services.revoke_entry(actor=SYSTEM, entry=entry, reason="certificateHold")
    services.release_entry(actor=SYSTEM, entry=entry)
    making.leaf(issuing)


def test_a_root_without_its_cross_certificate_still_signs() -> None:
    root = making.root()
    before = key_of(root)
    services.rotate_authority(actor=SYSTEM, authority=root)
    key = key_of(root)
    crossed = LedgerEntry.objects.get(key=before, public_key_hash=key.public_key_hash)
    services.revoke_entry(actor=SYSTEM, entry=crossed, reason="superseded")
    making.leaf(root)


def test_a_revoked_ca_is_shown_as_revoked() -> None:
    making.root()
    issuing = making.intermediate()
    caller = Caller(User.objects.create_superuser("ada"))
    services.revoke_entry(actor=SYSTEM, entry=line(key_of(issuing)))
    for name, state in (("root", "ready"), ("issuing", "revoked")):
        assert caller.client.get(f"/api/authorities/{name}").json()["state"] == state
        listed = with_keys(Authority.objects.all()).get(name=name)
        assert listed.state(clock.now()) == state


def test_the_higher_cas_are_looked_at_in_one_query() -> None:
    making.root()
    issuing = making.intermediate()
    with CaptureQueriesContext(connection) as asked:
        making.leaf(issuing, keep=False)
    about = [one["sql"] for one in asked if 'FROM "providers_revocation"' in one["sql"]]
    assert len(about) == 1


def test_an_expired_root_gets_a_new_key_without_a_cross_certificate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = making.root(validity_days=1)
    now = clock.now() + timedelta(days=3)
    monkeypatch.setattr(clock, "now", lambda: now)
    services.rotate_authority(actor=SYSTEM, authority=root)
    key = key_of(root)
    assert (key.number, key.cross_cert) == (2, "")
    assert LedgerEntry.objects.filter(authority=root).count() == 2


def test_a_revoked_root_key_certifies_no_other() -> None:
    root = making.root()
    services.revoke_entry(actor=SYSTEM, entry=line(key_of(root)), reason="keyCompromise")
    services.rotate_authority(actor=SYSTEM, authority=root)
    assert key_of(root).cross_cert == ""
    making.leaf(root)


def test_a_refused_cross_certificate_leaves_nothing_signed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = making.root()
    draft = cas.draft_ca
    calls: list[object] = []

    def second_fails(*arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 2:
            raise PKIError("No.", code="made.up")
        return draft(*arguments, **options)

    monkeypatch.setattr(certifying, "draft_ca", second_fails)
    assert refused(lambda: services.rotate_authority(actor=SYSTEM, authority=root)) == "made.up"
    assert LedgerEntry.objects.count() == 1


def test_the_line_of_an_intermediate_names_the_ca_that_was_signed() -> None:
    making.root()
    issuing = making.intermediate()
    assert line(key_of(issuing)).holder == "authority/issuing"


def test_what_puts_a_key_into_use_holds_the_authority(monkeypatch: pytest.MonkeyPatch) -> None:
    locked: list[type] = []
    lock = Authority.objects.select_for_update

    def noted(*arguments: Any, **options: Any) -> Any:
        locked.append(Authority)
        return lock(*arguments, **options)

    root = making.root()
    key = key_of(root)
    monkeypatch.setattr(type(Authority.objects), "select_for_update", noted)
    certifying.put_into_use(key, key.cert)
    assert locked == [Authority]


def test_a_key_store_that_is_down_leaves_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    root = making.root()

    def down(*_: object) -> Any:
        raise UpstreamUnavailable("It is down.", code="authority.token_unavailable")

    monkeypatch.setitem(
        cast(dict[str, Custody], CUSTODIES), "database", replace(CUSTODIES["database"], open=down)
    )
    assert refused(lambda: making.leaf(root)) == "authority.token_unavailable"
    assert LedgerEntry.objects.filter(kind="leaf").count() == 0


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer anyway")
@pytest.mark.django_db(transaction=True)
def test_of_two_keys_that_get_their_certificates_at_once_one_is_active(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority = making.intermediate("outside", "")
    second = certifying.keep_key(authority, certifying.make_key(authority, ""))
    cert, _ = making.elsewhere()
    both, now = Barrier(2), clock.now

    def meeting() -> datetime:
        """Halfway through, if the other one gets there as well."""
        with suppress(BrokenBarrierError):
            both.wait(1)
        return now()

    def finish(key: AuthorityKey) -> None:
        try:
            with transaction.atomic():
                certifying.put_into_use(key, cert)
        finally:
            connection.close()

    monkeypatch.setattr(clock, "now", meeting)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(finish, [authority.keys.get(number=1), second]))
    assert sorted(authority.keys.values_list("state", flat=True)) == ["active", "replaced"]
