"""What stands in the log: who, what, where; secrets masked; in the transaction of the change."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, connection, transaction
from django.test import Client, RequestFactory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certificates.models import Certificate
from certificates.services import load_bundle, update_certificate
from certmate.access.actors import Actor
from certmate.access.models import ApiToken, ServiceAccount
from certmate.audit import canonical, rows
from certmate.audit.choices import ActorKind
from certmate.audit.context import Context, peer, running, who_acts
from certmate.audit.models import Event, Unsealed
from certmate.audit.services import record
from certmate.core.parameters import MASK
from certmate.pki import keys
from storage import services as storage
from tests import factories
from tests.cast import Cast, token_for
from tests.storage.bundles import issue


def latest() -> Event:
    return Event.objects.latest("pk")


def test_an_event_says_who_what_and_where(cast: Cast) -> None:
    certificate = factories.certificate()
    Client(
        headers={
            "Authorization": f"Bearer {token_for(cast.owner, 'admin')}",
            "X-Request-ID": "request-of-the-test",
        }
    ).patch(
        f"/api/certificates/{certificate.name}", '{"tags": ["a"]}', content_type="application/json"
    )
    event, token = latest(), ApiToken.objects.get()
    assert (event.name, event.object_kind) == ("certificate.changed", "certificates.certificate")
    assert event.object_pk == str(certificate.pk)
    assert (event.actor_kind, event.actor_id, event.actor_name) == (
        ActorKind.PERSON,
        cast.owner.pk,
        "owner",
    )
    assert (event.token_id, event.token_label) == (str(token.pk), str(token))
    assert (event.request_id, event.address) == ("request-of-the-test", "127.0.0.1")
    assert event.at == event.entry.timestamp
    assert event.entry.changes["tags"]
    assert Unsealed.objects.filter(pk=event.pk).exists()


def test_reason_and_order_can_be_searched_for(db: None) -> None:
    record(Group.objects.create(name="g"), "group.told", order=7, reason="It was time.")
    assert (latest().order_id, latest().reason) == (7, "It was time.")


def test_an_agent_and_a_program_are_told_from_a_person(cast: Cast) -> None:
    program = User.objects.create_user("program")
    ServiceAccount.objects.create(user=program)
    token_for(cast.operator, "read")
    agent = ApiToken.objects.get()
    agent.is_agent = True

    def kind(**about: Any) -> str:
        with running(Context(request_id="r", **about)):
            return who_acts().kind

    assert kind(user=cast.operator) == ActorKind.PERSON
    assert kind(user=cast.operator, token=agent) == ActorKind.AGENT
    assert kind(user=program) == ActorKind.SERVICE
    assert kind() == ActorKind.SCHEDULE
    assert kind(request=RequestFactory().get("/")) == ActorKind.ANONYMOUS
    assert who_acts().kind == ActorKind.COMMAND


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:DB8::0:1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", ""),
        ("unix:", ""),
    ],
)
def test_an_address_has_one_form(given_: str, told: str) -> None:
    assert peer(RequestFactory().get("/", REMOTE_ADDR=given_)) == told


@pytest.mark.parametrize(("is_behind", "told"), [(True, "203.0.113.5"), (False, "127.0.0.1")])
def test_only_a_proxy_of_ours_names_the_address(settings: Any, is_behind: bool, told: str) -> None:
    settings.CERTMATE_BEHIND_PROXY = is_behind
    headers = {"X-Forwarded-For": "192.0.2.9, 203.0.113.5"}
    assert peer(RequestFactory().get("/", headers=headers)) == told


def test_secrets_do_not_get_into_the_log(db: None) -> None:
    pem = keys.generate(keys.KeyType.EC256)
    record(
        Group.objects.create(name="g"),
        "group.told",
        password="hunter2",
        inner={"hmac_key": "hunter2", "tsig_secret": ["hunter2"], "kid": "kept"},
        text=f"before {pem} after",
        token=f"cm_{'x' * 40}",
    )
    told = json.dumps(latest().entry.additional_data)
    for secret in ("hunter2", pem.splitlines()[1], "xxxxxxxxxx"):
        assert secret not in told
    assert MASK in told
    assert "kept" in told


@contextmanager
def unwritable(table: str = "audit_event") -> Iterator[None]:
    """Every INSERT into the table fails."""
    if connection.vendor == "postgresql":
        make = (
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'refused'; END $$;"
            f"CREATE TRIGGER refuse BEFORE INSERT ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse();"
        )
        drop = f"DROP TRIGGER refuse ON {table}; DROP FUNCTION refuse();"
    else:
        make = (
            f"CREATE TRIGGER refuse BEFORE INSERT ON {table} "
            "BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )
        drop = "DROP TRIGGER refuse"
    with connection.cursor() as cursor:
        cursor.execute(make)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(drop)


TABLES = ["auditlog_logentry", "audit_event", "audit_unsealed"]


@pytest.mark.parametrize("table", TABLES)
def test_what_cannot_be_logged_is_not_done(db: None, table: str) -> None:
    certificate = factories.certificate()
    with unwritable(table), pytest.raises(DatabaseError):
        update_certificate(actor=Actor.system(), certificate=certificate, tags=["a"])
    assert Certificate.objects.get().tags == []


@pytest.mark.parametrize("table", ["audit_event"])
@pytest.mark.django_db(transaction=True)
def test_a_change_without_a_transaction_of_its_own_is_undone_too(table: str) -> None:
    group = Group.objects.create(name="before")
    before = LogEntry.objects.count()
    group.name = "after"
    with unwritable(table), pytest.raises(DatabaseError):
        group.save()
    assert Group.objects.get(pk=group.pk).name == "before"
    assert LogEntry.objects.count() == before


@pytest.mark.parametrize("table", TABLES)
def test_no_private_key_leaves_that_is_not_in_the_log(
    db: None, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = factories.certificate()
    factories.version(certificate)
    monkeypatch.setattr(storage, "load", lambda **_: pytest.fail("The key was read."))
    with unwritable(table), pytest.raises(DatabaseError), transaction.atomic():
        load_bundle(actor=Actor.system(), certificate=certificate, include_private=True)


@pytest.mark.django_db(transaction=True)
def test_an_export_of_a_key_that_cannot_be_logged_answers_no_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    owner = User.objects.create_superuser("owner")
    certificate = factories.certificate()
    factories.version(certificate, has_private_key=True)
    bundle = issue()
    monkeypatch.setattr(storage, "load", lambda **_: bundle)
    client = Client(
        headers={"Authorization": f"Bearer {token_for(owner, 'admin')}"},
        raise_request_exception=False,
    )
    path = f"/api/certificates/{certificate.name}/download/privkey"
    with unwritable():
        answer = client.get(path)
    assert answer.status_code == 500
    assert b"PRIVATE KEY" not in answer.content
    assert b"PRIVATE KEY" in client.get(path).content


def test_what_is_rolled_back_was_not_logged(db: None) -> None:
    group = Group.objects.create(name="g")
    before = Event.objects.count()
    with transaction.atomic():
        record(group, "group.told")
        transaction.set_rollback(True)
    assert Event.objects.count() == before


texts = st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(details=st.dictionaries(texts, values, max_size=4), name=texts, reason=texts)
@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@pytest.mark.django_db
def test_a_row_comes_back_from_the_database_as_it_was_marked(
    details: dict[str, Any], name: str, reason: str
) -> None:
    """On PostgreSQL too, whose jsonb knows neither NUL nor how a number was written."""
    group = Group(pk=1, name=name)
    with transaction.atomic():
        record(group, "group.told", reason=reason, details=details)
        (found,) = rows.found_by_id([latest().pk])
        assert rows.is_marked(found)
        transaction.set_rollback(True)


@given(values=st.lists(values, min_size=3, max_size=3), told=st.lists(texts, min_size=12))
def test_the_bytes_of_a_row_are_those_of_a_json_encoder(values: list[Any], told: list[str]) -> None:
    words = iter(canonical.text(word) for word in told)
    event = ["n", "at", next(words), 1, next(words), next(words), next(words), "k", "pk"]
    event += ["r", None, "", next(words)]
    entry = [5, 6, "pk", None, next(words), None, 3, next(words), None, 2, "r", None, 80, "other"]
    entry += [None, None]
    for place, value in zip(canonical.JSON_PLACES, values, strict=True):
        entry[place] = canonical.canonical_json(canonical.plain(value))
    made = canonical.compose(event, entry)
    again = json.dumps(json.loads(made), sort_keys=True, separators=(",", ":")).encode()
    assert made == again
    assert json.loads(made)["odd"] == ["timestamp", "actor_id"]


@pytest.mark.parametrize("place", [3, 10])
def test_a_text_in_the_place_of_a_number_is_refused(place: int) -> None:
    event: list[Any] = ["n", "at", "k", 1, "a", "", "", "o", "pk", "r", None, "", ""]
    entry = [5, 6, "pk", None, "x", "null", 3, "", "null", None, "r", None, 80, "at", "null", None]
    canonical.compose(event, entry)
    event[place] = '1,"actor":"somebody"'
    with pytest.raises(TypeError):
        canonical.compose(event, entry)


@pytest.mark.parametrize("microsecond", [0, 1, 10, 100, 120_000, 123_000, 123_400, 999_999])
def test_a_time_comes_back_as_it_was_marked(db: None, microsecond: int) -> None:
    """The two databases write fractions of seconds in different lengths."""
    entry = LogEntry(
        content_type=ContentType.objects.get_for_model(Group),
        object_pk="1",
        object_repr="g",
        action=LogEntry.Action.ACCESS,
        timestamp=datetime(2026, 3, 4, 5, 6, 7, microsecond, tzinfo=UTC),
    )
    entry.save()
    (found,) = rows.found_by_id([entry.pk])
    assert rows.is_marked(found)
