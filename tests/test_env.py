import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from certmate import env

PROJECT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("value", ["yes", "1", "on", "maybe"])
def test_a_boolean_that_is_neither_true_nor_false_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("CERTMATE_X", value)
    with pytest.raises(ImproperlyConfigured, match="CERTMATE_X"):
        env.boolean("CERTMATE_X")


@pytest.mark.parametrize("value", ["0", "65536", "-1", "8000x", "²"])
def test_a_number_out_of_range_stops_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PORT", value)
    with pytest.raises(ImproperlyConfigured, match="PORT"):
        env.integer("PORT", 8000, low=1, high=65535)


@pytest.mark.parametrize(
    "value", ["ftp://x", "https://", "https://u:p@x", "https://x/path", "x", "https://x:port"]
)
def test_a_base_url_that_is_no_origin_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("CERTMATE_BASE_URL", value)
    with pytest.raises(ImproperlyConfigured, match="CERTMATE_BASE_URL"):
        env.base_url("CERTMATE_BASE_URL", "http://127.0.0.1")


def test_a_bad_database_url_is_named_but_its_password_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CERTMATE_DATABASE_URL", "mysql://root:canary@db/x")
    with pytest.raises(ImproperlyConfigured, match="CERTMATE_DATABASE_URL") as caught:
        env.secret_url("CERTMATE_DATABASE_URL", "", schemes=("postgres",))
    assert "canary" not in str(caught.value)


def test_a_secret_comes_from_a_file_and_is_stripped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "s").write_text("canary\n")
    monkeypatch.setenv("CERTMATE_X_FILE", str(tmp_path / "s"))
    assert env.secret("CERTMATE_X") == "canary"


@pytest.mark.parametrize("content", [None, ""])
def test_an_unreadable_or_empty_secret_file_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "s").write_text(content)
    monkeypatch.setenv("CERTMATE_X_FILE", str(tmp_path / "s"))
    with pytest.raises(ImproperlyConfigured, match="CERTMATE_X_FILE"):
        env.secret("CERTMATE_X")


def test_a_secret_given_twice_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "s").write_text("b")
    monkeypatch.setenv("CERTMATE_X", "a")
    monkeypatch.setenv("CERTMATE_X_FILE", str(tmp_path / "s"))
    with pytest.raises(ImproperlyConfigured, match="not both"):
        env.secret("CERTMATE_X")


# `version` needs no settings of its own: it shows that they are loaded ahead of any command.
@pytest.mark.parametrize("command", ["makemigrations", "serve", "issue", "version"])
def test_a_command_without_the_secrets_says_so_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str
) -> None:
    monkeypatch.setenv("CERTMATE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "certmate.settings")
    monkeypatch.delenv("CERTMATE_SECRET_KEY")
    done = subprocess.run(
        [sys.executable, str(PROJECT / "manage.py"), command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("There is no CERTMATE_SECRET_KEY")
    assert len(done.stderr.splitlines()) == 1


def test_a_database_that_swallows_everything_is_given_up_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        monkeypatch.setenv("CERTMATE_DATABASE_URL", f"postgresql://u@127.0.0.1:{port}/certmate")
        monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "certmate.settings")
        done = subprocess.run(
            [sys.executable, str(PROJECT / "manage.py"), "showmigrations"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert "connection timeout expired" in done.stderr


def test_local_secrets_are_made_once_and_for_their_owner_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CERTMATE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("CERTMATE_SECRET_KEY")
    monkeypatch.delenv("CERTMATE_MASTER_KEY")
    env.create_local_secrets()
    files = {path.name: path for path in (tmp_path / "data").iterdir()}
    assert set(files) == {env.SECRET_KEY_FILE, env.MASTER_KEY_FILE}
    assert {path.stat().st_mode & 0o777 for path in files.values()} == {0o600}
    before = {name: path.read_text() for name, path in files.items()}
    env.create_local_secrets()
    assert {name: path.read_text() for name, path in files.items()} == before


@pytest.mark.parametrize("value", ["host", "host:0", "host:x", ":514", "log", "host:65536"])
def test_a_place_that_is_neither_socket_nor_server_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("CERTMATE_X", value)
    with pytest.raises(ImproperlyConfigured, match="CERTMATE_X"):
        env.place("CERTMATE_X")


@pytest.mark.parametrize("value", ["/dev/log", "192.0.2.1:514", "[::1]:514", ""])
def test_a_place_is_a_socket_or_a_server(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CERTMATE_X", value)
    assert env.place("CERTMATE_X") == value


def test_an_optional_url_may_be_missing_but_not_of_another_scheme(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert env.optional_url("CERTMATE_X", schemes=("https",)) == ""
    monkeypatch.setenv("CERTMATE_X", "http://hook.example.test/secret")
    with pytest.raises(ImproperlyConfigured, match="CERTMATE_X") as refused:
        env.optional_url("CERTMATE_X", schemes=("https",))
    assert "secret" not in str(refused.value)


def test_a_path_that_depends_on_the_working_directory_stops_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert env.absolute_path("CERTMATE_X") == ""
    monkeypatch.setenv("CERTMATE_X", "/opt/vendor/library.so")
    assert env.absolute_path("CERTMATE_X") == "/opt/vendor/library.so"
    monkeypatch.setenv("CERTMATE_X", "library.so")
    with pytest.raises(ImproperlyConfigured, match="CERTMATE_X"):
        env.absolute_path("CERTMATE_X")


def test_variables_that_need_each_other_are_all_set_or_none_is() -> None:
    env.together({"CERTMATE_X": "", "CERTMATE_Y": ""})
    env.together({"CERTMATE_X": "canary", "CERTMATE_Y": "y"})
    with pytest.raises(ImproperlyConfigured, match="X is set, but CERTMATE_Y is not") as refused:
        env.together({"CERTMATE_X": "canary", "CERTMATE_Y": ""})
    assert "canary" not in str(refused.value)
