"""Rows inserted in bulk are the rows that the ORM would have written."""

import uuid
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction
from pytest_django import DjangoAssertNumQueries

from certmate.access.models import Team
from certmate.core.bulk import insert_all, new
from certmate.core.keyring import keyring
from certmate.core.secrets import prefix
from providers.models import BlockedKey, HTTPChallenge, Profile
from storage.models import StorageTarget, StoredBundle

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)


def test_rows_come_back_as_they_were_given() -> None:
    with transaction.atomic():
        insert_all(
            [
                HTTPChallenge(token=f"t{n}", key_authorization=f"a{n} %s ?", expires_at=NOW)
                for n in range(3)
            ]
        )
    found = HTTPChallenge.objects.order_by("token").values_list(
        "token", "key_authorization", "expires_at"
    )
    assert list(found) == [(f"t{n}", f"a{n} %s ?", NOW) for n in range(3)]


def test_each_object_knows_its_own_number() -> None:
    Team.objects.create(name="before")
    teams = [Team(name=f"team-{n}") for n in range(2500)]
    with transaction.atomic():
        insert_all(teams)
    stored = dict(Team.objects.exclude(name="before").values_list("name", "pk"))
    assert {team.name: team.pk for team in teams} == stored
    teams[7].name = "renamed"
    teams[7].save()
    assert Team.objects.get(pk=teams[7].pk).name == "renamed"


def test_json_times_and_defaults_are_those_of_the_fields() -> None:
    profile = Profile(
        name="p",
        certificate_type="x",
        key_usage=["digitalSignature"],
        default_days=1,
        longest_days=2,
        alt_names={"dns": ["ä"]},
        needs_approval=True,
    )
    with transaction.atomic():
        insert_all([profile])
    stored = Profile.objects.get(pk=profile.pk)
    assert stored.alt_names == {"dns": ["ä"]}
    assert stored.needs_approval is True
    assert stored.created_at.tzinfo is not None


def test_equal_and_empty_values_stay_with_their_rows() -> None:
    """A column is converted as a whole, equal values once."""
    names = [{}, {"dns": ["a"]}, {}, {"dns": ["b"]}]
    days = {"default_days": 1, "longest_days": 2}
    rows = [
        new(Profile, name=f"p{n}", certificate_type="x", alt_names=one, subject=one, **days)
        for n, one in enumerate(names)
    ]
    with transaction.atomic():
        insert_all(rows)
    found = Profile.objects.filter(name__in=["p0", "p1", "p2", "p3"]).order_by("name")
    assert [row.alt_names for row in found] == [row.subject for row in found] == names
    assert {row.created_at for row in found} == {rows[0].created_at}


def test_an_encrypted_column_is_never_written_in_the_clear() -> None:
    target = StorageTarget.objects.create(name="db", backend="database")
    bundle = StoredBundle(
        target=target,
        kind="client",
        name="x",
        fingerprint="f",
        cert="c",
        private_key={"pem": "canary"},
    )
    with transaction.atomic():
        insert_all([bundle])
    raw = StoredBundle.objects.filter(pk=bundle.pk).values_list("private_key", flat=True).get()
    assert str(raw).startswith(prefix(keyring().primary))
    assert StoredBundle.objects.get(pk=bundle.pk).private_key == {"pem": "canary"}


def test_a_row_that_breaks_a_constraint_undoes_all() -> None:
    BlockedKey.objects.create(pk="b", reason="", created_at=NOW)
    rows = [BlockedKey(pk=key, reason="", created_at=NOW) for key in ("a", "b")]
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_all(rows)
    assert list(BlockedKey.objects.values_list("pk", flat=True)) == ["b"]


def test_nothing_is_nothing() -> None:
    insert_all([])
    assert not Team.objects.exists()


def test_an_object_made_fast_is_the_one_that_its_class_makes(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    target = StorageTarget.objects.create(name="db", backend="database")
    values = {"id": uuid.uuid4(), "kind": "client", "name": "x", "fingerprint": "f", "cert": "c"}
    fast = new(StoredBundle, target=target, **values)
    plain = StoredBundle(target=target, **values)
    fields = [field.attname for field in StoredBundle._meta.concrete_fields]
    assert {name: getattr(fast, name) for name in fields} == {
        name: getattr(plain, name) for name in fields
    }
    assert fast._state.adding
    assert new(Profile).key_types is not new(Profile).key_types
    with django_assert_num_queries(0):
        assert fast.target is target
    fast.save()
    assert StoredBundle.objects.get() == fast


def test_a_misspelt_column_is_refused() -> None:
    with pytest.raises(TypeError, match="nme"):
        new(Team, nme="x")
