"""A database that does not answer is no fault of CertMate, and a call is worth another try."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest
from django.db import DatabaseError, OperationalError, connection
from django.test import RequestFactory

from certmate.rest.handlers import server_error
from tests.caller import Caller, problem


@contextmanager
def locked(table: str) -> Iterator[None]:
    """Somebody else holds the lock that a writer needs, and we do not wait for it."""
    if connection.vendor == "sqlite":
        name = connection.settings_dict["NAME"]
        with closing(sqlite3.connect(name, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            connection.cursor().execute("PRAGMA busy_timeout = 0")
            yield
            other.execute("ROLLBACK")
        return
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute(f"LOCK TABLE {table}".encode())
        connection.cursor().execute("SET lock_timeout = 1")
        yield
        other.rollback()


@pytest.mark.django_db(transaction=True)
def test_a_call_that_finds_the_database_locked_may_be_made_again(
    owner: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    account = {"name": "cf", "provider": "cloudflare", "credentials": {"api_token": "x" * 40}}
    with locked("providers_dnsaccount"):
        answer = owner.post("/api/dns-accounts", **account)
    document = problem(answer, 503, "database.unavailable")
    assert answer["Retry-After"] == "5"
    assert document["retry_after"] == 5
    assert "The database is away" in caplog.text
    assert owner.post("/api/dns-accounts", **account).status_code == 201


def test_people_get_a_page(rf: RequestFactory) -> None:
    try:
        raise OperationalError("gone")
    except OperationalError:
        answer = server_error(rf.get("/admin/", headers={"accept": "text/html"}))
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "The database does not answer now" in answer.content.decode()


@pytest.mark.django_db
def test_a_wrong_statement_is_a_fault_of_certmate(rf: RequestFactory) -> None:
    try:
        connection.cursor().execute("SELECT nothing FROM nowhere")
    except DatabaseError:
        answer = server_error(rf.get("/api/me"))
    assert answer.status_code == 500
