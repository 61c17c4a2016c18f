"""Passwords in a real directory."""

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import User
from django.db import connection
from pytest_django import Settings

from certmate.access.models import ServiceAccount
from certmate.signin import configuration
from certmate.signin.directory import DirectoryBackend
from tests.cast import Cast
from tests.servers.slapd import PASSWORD, Directory, slapd

pytestmark = pytest.mark.django_db

NAMES = ("alice", "owner", "deploy")


@pytest.fixture(scope="module")
def directory() -> Iterator[Directory]:
    with slapd(*NAMES) as server:
        yield server


@pytest.fixture
def configure(
    directory: Directory, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> Callable[..., DirectoryBackend]:
    """The backend as these variables of the environment make it."""

    def configured(**variables: str) -> DirectoryBackend:
        names = "uid=%(user)s,ou=people,dc=example,dc=test"
        given = {"URL": directory.url, "USER_DN": names, "CA_FILE": str(directory.root)}
        for name, value in (given | variables).items():
            monkeypatch.setenv(f"CERTMATE_LDAP_{name}", value)
        for name, value in configuration.ldap().items():
            setattr(settings, name, value)
        return DirectoryBackend()

    return configured


@pytest.fixture
def backend(configure: Callable[..., DirectoryBackend]) -> DirectoryBackend:
    return configure()


def test_a_first_sign_in_makes_a_user_without_rights(backend: DirectoryBackend) -> None:
    user = backend.authenticate(None, "alice", PASSWORD)
    assert user is not None
    assert (user.first_name, user.last_name, user.email) == (
        "First of alice",
        "Last of alice",
        "alice@example.test",
    )
    assert (user.is_staff, user.is_superuser, user.groups.count()) == (False, False, 0)
    assert not user.has_usable_password()


def test_without_tls_from_the_start_it_is_started(
    configure: Callable[..., DirectoryBackend], directory: Directory
) -> None:
    backend = configure(URL=directory.start_tls_url)
    assert backend.authenticate(None, "alice", PASSWORD) is not None
    assert (
        configure(URL=directory.start_tls_url, CA_FILE="").authenticate(None, "alice", PASSWORD)
        is None
    )


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("alice", "wrong"),
        ("alice", ""),
        ("", PASSWORD),
        ("nobody", PASSWORD),
        ("*", PASSWORD),
        ("alice,ou=people,dc=example,dc=test", PASSWORD),
        ("x)(uid=alice", PASSWORD),
    ],
)
def test_whoever_does_not_know_the_password_stays_outside(
    backend: DirectoryBackend, name: str, password: str
) -> None:
    assert backend.authenticate(None, name, password) is None
    assert not User.objects.filter(username__contains="alice").exists()


def test_a_directory_that_nobody_vouches_for_gets_no_password(
    configure: Callable[..., DirectoryBackend],
) -> None:
    assert configure(CA_FILE="").authenticate(None, "alice", PASSWORD) is None


def test_a_directory_that_hangs_is_given_up(
    configure: Callable[..., DirectoryBackend],
    directory: Directory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(configuration, "LDAP_SECONDS", 1)
    monkeypatch.setattr("certmate.signin.directory.LDAP_SECONDS", 1)
    for url in (directory.url, directory.start_tls_url):
        backend = configure(URL=url)
        with ThreadPoolExecutor(1) as thread:
            directory.process.send_signal(signal.SIGSTOP)
            try:
                asked = thread.submit(attempt, backend)
                assert asked.result(timeout=30) is None
            finally:
                # The thread ends in any case, and with it the block.
                directory.process.send_signal(signal.SIGCONT)


def attempt(backend: DirectoryBackend) -> User | None:
    """In a thread of its own, which leaves no connection to the database behind."""
    try:
        return backend.authenticate(None, "nobody", PASSWORD)
    finally:
        connection.close()


def test_a_name_in_the_directory_becomes_no_local_account(
    backend: DirectoryBackend, cast: Cast
) -> None:
    for name in ("owner", "OWNER", " owner "):
        assert backend.authenticate(None, name, PASSWORD) is None


def test_nobody_in_the_directory_signs_in_as_a_program(backend: DirectoryBackend) -> None:
    program = User(username="deploy")
    program.set_unusable_password()
    program.save()
    ServiceAccount.objects.create(user=program)
    for name in ("deploy", "Deploy"):
        assert backend.authenticate(None, name, PASSWORD) is None


def test_the_directory_lets_nobody_in_who_is_deactivated(
    backend: DirectoryBackend, settings: Settings
) -> None:
    user = backend.authenticate(None, "alice", PASSWORD)
    assert user is not None
    settings.CERTMATE_OIDC_ONLY = True
    assert backend.authenticate(None, "alice", PASSWORD) is None
    settings.CERTMATE_OIDC_ONLY = False
    user.is_active = False
    user.save()
    assert backend.authenticate(None, "alice", PASSWORD) is None
