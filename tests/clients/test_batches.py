"""Batches: checked whole, issued in the background, taken up again wherever they were killed."""

import csv
import io
import os
import signal
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import DataError

from certmate.access.actors import Actor
from certmate.access.models import ApiToken
from certmate.core import clock
from certmate.core.crew import SMALL
from certmate.core.errors import CertMateError, InvalidRequest, UpstreamUnavailable
from certmate.pki.keys import KeyType
from clients import batch_run, batching, issuing, services
from clients.models import Batch, BatchRow, ClientCertificate, ClientVersion
from clients.services import BatchInvalid, ClientWish
from clients.services.rows import from_csv, from_json
from providers.authority import bulk
from providers.models import Authority, AuthorityKey, LedgerEntry, Revocation
from providers.services import ledger, rotate_authority, signing, update_authority
from storage.models import StoredBundle
from tests.cast import by_token
from tests.certificates.test_faults import database_url
from tests.clients import crashing_batch, world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def boss() -> Actor:
    world.target()
    world.authority()
    return Actor.of(User.objects.create_superuser("boss"))


def rows(number: int, **fields: Any) -> list[dict[str, Any]]:
    return [{"common_name": f"device-{n}", **fields} for n in range(1, number + 1)]


def create(boss: Actor, given: Iterable[dict[str, Any]], **frame: Any) -> Batch:
    wish = ClientWish(**({"authority": "issuing", "profile": "device"} | frame))
    return services.create_batch(actor=boss, frame_wish=wish, rows=from_json(list(given)))


def run(batch: Batch) -> Batch:
    batching.run_batch(batch.pk)
    batch.refresh_from_db()
    return batch


def test_all_rows_are_issued_each_with_its_key_and_its_line(boss: Actor) -> None:
    batch = run(create(boss, rows(30, san={"dns": ["a.example.test"]}), tags=("line-7",)))
    assert (batch.state, batch.issued, batch.failed) == ("done", 30, 0)
    assert ClientCertificate.objects.filter(state="active").count() == 30
    assert LedgerEntry.objects.filter(state="signed", profile="device").count() == 30
    bundle = StoredBundle.objects.get(name="device-17")
    assert "PRIVATE KEY" in bundle.private_key["pem"]
    assert ClientCertificate.objects.get(identifier="device-17").tags == ["line-7"]


def test_what_is_wrong_is_told_by_row_and_nothing_is_issued(boss: Actor) -> None:
    given: list[dict[str, Any]] = [
        {"common_name": "good"},
        {"common_name": "x" * 65},
        {"common_name": "odd", "san": {"email": ["a@example.test"]}},
        {"common_name": "odd", "key_type": "des"},
        {"common_name": "odd", "colour": "red"},
        {"common_name": 7},
        {"identifier": "same", "common_name": "one"},
        {"identifier": "same", "common_name": "two"},
        {},
    ]
    with pytest.raises(BatchInvalid) as refused:
        create(boss, given)
    found = {number: field for number, (field, _) in refused.value.rows.items()}
    assert found == {
        2: "subject.CN",
        3: "san.email",
        4: "key_type",
        5: "colour",
        6: "common_name",
        8: "identifier",
        9: "common_name",
    }
    assert not Batch.objects.exists()
    assert not LedgerEntry.objects.filter(kind="leaf").exists()


def test_errors_are_shown_up_to_a_number_and_counted_beyond(boss: Actor) -> None:
    with pytest.raises(BatchInvalid) as refused:
        create(boss, rows(250, key_type="des"))
    assert (len(refused.value.rows), refused.value.count) == (100, 250)


def test_csv_is_the_same_as_json(boss: Actor) -> None:
    text = (
        "common_name,O,dns,ip,validity_days,tags,key\r\n"
        'plc-1,"Example, Ltd",a.example.test;b.example.test,192.0.2.1,30,blue;red,k1\r\n'
        "\r\n"
        "plc-2,,,,,,\r\n"
    )
    wish = ClientWish(authority="issuing", profile="device")
    batch = run(services.create_batch(actor=boss, frame_wish=wish, rows=from_csv(text)))
    assert batch.issued == 2
    made = ClientCertificate.objects.get(identifier="plc-1")
    assert made.subject == {"O": "Example, Ltd", "CN": "plc-1"}
    assert made.alt_names == {"dns": ["a.example.test", "b.example.test"], "ip": ["192.0.2.1"]}
    assert (made.tags, made.validity_days) == (["blue", "red"], 30)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "colour\nred\n",
        "common_name,common_name\na,b\n",
        "common_name,O\na\n",
        'common_name\n"a\n',
    ],
)
def test_a_malformed_csv_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        list(from_csv(text))
    assert refused.value.code == "batch.csv"


def test_a_key_that_was_used_is_the_same_certificate(boss: Actor) -> None:
    first = run(create(boss, [{"common_name": "a", "key": "1"}]))
    again = run(create(boss, [{"common_name": "a", "key": "1"}, {"common_name": "b", "key": "2"}]))
    assert (first.issued, again.issued, again.repeated) == (1, 1, 1)
    assert ClientCertificate.objects.count() == 2
    repeated, issued = again.rows.order_by("number")
    assert repeated.certificate == first.rows.get().certificate
    assert issued.certificate is not None


def test_a_key_of_somebody_else_is_another_row(boss: Actor) -> None:
    run(create(boss, [{"common_name": "a", "key": "1"}]))
    other = Actor.of(User.objects.create_superuser("other"))
    assert run(create(other, [{"common_name": "a", "key": "1"}])).issued == 1


def test_one_bad_row_never_stops_the_rest(boss: Actor) -> None:
    batch = create(boss, rows(5))
    world.issue("other", identifier="device-3")
    run(batch)
    assert (batch.state, batch.issued, batch.failed) == ("done", 4, 1)
    row = batch.rows.get(number=3)
    assert (row.state, row.error_code, row.error_field) == ("failed", "client.exists", "identifier")


def test_a_process_of_its_own_signs_for_many(boss: Actor) -> None:
    batch = run(create(boss, rows(SMALL + 20)))
    assert (batch.state, batch.issued) == ("done", SMALL + 20)
    serials = LedgerEntry.objects.filter(kind="leaf").values_list("serial", flat=True)
    assert len(set(serials)) == SMALL + 20


def test_five_deliveries_issue_once(boss: Actor) -> None:
    batch = create(boss, rows(10))
    for _ in range(5):
        run(batch)
    assert ClientVersion.objects.count() == 10


@pytest.mark.parametrize("place", crashing_batch.PLACES)
def test_a_batch_killed_anywhere_goes_on_where_it_stopped(boss: Actor, place: str) -> None:
    batch = create(boss, rows(25))
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "CERTMATE_TEST_DATA_DIR": str(settings.DATA_DIR),
        "CERTMATE_TEST_DATABASE_URL": database_url(),
    }
    command = [sys.executable, "-m", crashing_batch.__name__, str(batch.pk), place]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    run(batch)
    assert batch.state == "running", "while the lease lasts nobody else may take it"
    Batch.objects.update(lease_expires_at=clock.now())
    assert batching.sweep_batches() == 1
    run(batch)
    assert (batch.state, batch.issued, batch.failed) == ("done", 25, 0)
    assert ClientVersion.objects.count() == 25
    LedgerEntry.objects.filter(state="intended").update(
        created_at=clock.now() - ledger.GIVEN_UP_AFTER
    )
    given_up = ledger.reconcile()
    assert LedgerEntry.objects.filter(kind="leaf").count() == 25 + given_up
    assert Revocation.objects.count() == given_up


def test_a_worker_that_is_stopped_leaves_the_rest_to_another(
    boss: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = create(boss, rows(25))
    answers = iter([False, False, True, True])
    with monkeypatch.context() as patched:
        patched.setattr(batch_run, "CHUNK", 10)
        patched.setattr(batch_run, "is_stopping", lambda: next(answers))
        run(batch)
    assert batch.state == "queued"
    assert 0 < batch.issued < 25
    assert (run(batch).state, batch.issued) == ("done", 25)


def test_whoever_lost_the_right_gets_no_more_of_it(boss: Actor) -> None:
    batch = create(boss, rows(3))
    User.objects.filter(username="boss").update(is_active=False)
    run(batch)
    assert (batch.state, batch.error_code, batch.issued) == ("failed", "access.withdrawn", 0)


def test_a_token_that_is_gone_leaves_its_owner_no_right(boss: Actor) -> None:
    assert boss.user is not None
    batch = create(by_token(boss.user, "admin"), rows(3))
    ApiToken.objects.all().delete()
    run(batch)
    assert (batch.state, batch.error_code, batch.issued) == ("failed", "access.withdrawn", 0)


def test_a_cancelled_batch_issues_nothing_more(boss: Actor) -> None:
    batch = create(boss, rows(3))
    services.cancel_batch(actor=boss, batch=batch)
    assert run(batch).state == "cancelled"
    assert not ClientVersion.objects.exists()
    with pytest.raises(CertMateError) as refused:
        services.cancel_batch(actor=boss, batch=batch)
    assert refused.value.code == "batch.ended"


def test_the_result_is_an_archive_with_a_report(boss: Actor) -> None:
    batch = create(boss, rows(4))
    world.issue("other", identifier="device-2")
    run(batch)
    content = b"".join(services.stream_batch(actor=boss, batch=batch, include_private=True))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert "device-1/privkey.pem" in archive.namelist()
        assert "device-2/cert.pem" not in archive.namelist()
        assert archive.getinfo("device-1/privkey.pem").external_attr >> 16 & 0o777 == 0o600
        report = list(csv.DictReader(io.StringIO(archive.read("report.csv").decode())))
    assert [row["state"] for row in report] == ["issued", "failed", "issued", "issued"]
    assert report[1]["error"] == "client.exists"


def test_what_a_crash_left_half_taken_in_is_removed(boss: Actor) -> None:
    batch = create(boss, rows(2))
    old = clock.now() - batching.LOADING_AT_MOST * 2
    Batch.objects.update(state="loading", created_at=old)
    batching.sweep_batches()
    assert not Batch.objects.filter(pk=batch.pk).exists()
    assert not BatchRow.objects.exists()


def test_disabling_the_authority_stops_a_batch(
    boss: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = create(boss, rows(30))
    record, authorities = ledger.record, iter([Authority.objects.get(name="issuing")])

    def recorded(*args: Any, **kwargs: Any) -> list[LedgerEntry]:
        for authority in authorities:
            update_authority(actor=Actor.system(), authority=authority, disabled=True)
        return record(*args, **kwargs)

    monkeypatch.setattr(batch_run, "CHUNK", 10)
    monkeypatch.setattr(ledger, "record", recorded)
    run(batch)
    assert (batch.state, batch.error_code, batch.issued) == ("failed", "authority.disabled", 10)
    assert not LedgerEntry.objects.filter(state="intended").exists()


def test_a_rotated_key_signs_what_is_left(boss: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = create(boss, rows(30))
    record, authorities = ledger.record, iter([Authority.objects.get(name="issuing")])

    def recorded(key: AuthorityKey, *args: Any, **kwargs: Any) -> list[LedgerEntry]:
        made = record(key, *args, **kwargs)
        for authority in authorities:
            rotate_authority(actor=Actor.system(), authority=authority)
        return made

    monkeypatch.setattr(batch_run, "CHUNK", 10)
    with monkeypatch.context() as patched:
        patched.setattr(ledger, "record", recorded)
        run(batch)
    assert (batch.state, batch.issued) == ("done", 30)
    leaves = LedgerEntry.objects.filter(kind="leaf", state="signed")
    by_key = Counter(leaves.values_list("key__number", flat=True))
    assert sorted(by_key.values()) == [10, 20]


def test_a_key_store_that_is_away_leaves_no_trace(
    boss: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any) -> None:
        raise UpstreamUnavailable("The token is gone.", code="authority.token")

    batch = create(boss, rows(3))
    with monkeypatch.context() as patched:
        patched.setattr(signing, "require_opens", gone)
        run(batch)
    assert (batch.state, batch.issued) == ("queued", 0)
    assert not LedgerEntry.objects.filter(kind="leaf").exists()
    assert run(batch).state == "done"


def test_slow_keys_are_made_under_the_lease(boss: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever would take the batch over while the keys are made finds it taken."""
    batch = create(boss, rows(SMALL))
    monkeypatch.setattr(batch_run, "LEASE", timedelta(seconds=3))
    waits: list[bool] = []

    class Slow(Future[list[Any]]):
        def result(self, timeout: float | None = None) -> list[Any]:
            if len(waits) < 3 and timeout is not None:
                Batch.objects.filter(pk=batch.pk).update(lease_expires_at=clock.now())
                waits.append(Batch.objects.claimable(clock.now()).exists())
                raise TimeoutError
            return super().result(timeout)

        def done(self) -> bool:
            return False

    monkeypatch.setattr(batch_run, "crew_for", lambda _: nullcontext(Crewed(Slow)))
    run(batch)
    assert (batch.state, batch.issued, len(waits)) == ("done", SMALL, 3)


class Crewed:
    """A crew of nobody whose promises are of this kind."""

    def __init__(self, promise: type[Future[Any]]) -> None:
        self._promise = promise

    def submit(self, work: Any, /, *args: Any) -> Future[Any]:
        future = self._promise()
        future.set_result(work(*args))
        return future


def test_keys_that_are_slow_to_make_come_in_small_chunks(
    boss: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    draft = bulk.draft_all

    def drafted(key: Any, rules: Any, asked: list[Any], now: Any) -> Any:
        sizes.append(len(asked))
        return draft(key, rules, [replace(one, key_type=KeyType.EC256) for one in asked], now)

    monkeypatch.setattr(batch_run, "draft_all", drafted)
    monkeypatch.setattr(batch_run, "SLOW_CHUNK", 4)
    run(create(boss, rows(10, key_type="rsa2048"), profile="client"))
    assert sizes == [4, 4, 2]


def test_a_row_that_no_database_takes_ends_the_batch(
    boss: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise DataError("A NUL.")

    batch = create(boss, rows(1))
    with monkeypatch.context() as patched:
        patched.setattr(issuing, "keep", refuse)
        run(batch)
    assert (batch.state, batch.error_code) == ("failed", "batch.unfit")
    assert run(batch).issued == 0
