"""What was exported is verified by a program that knows nothing of CertMate."""

import base64
import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

from certmate.audit import export, retention, sinks, verify_export
from certmate.audit.models import Checkpoint, Event
from certmate.audit.services import record
from certmate.core import clock
from certmate.pki import signatures

Fill = Callable[..., None]
SCRIPT = Path(verify_export.__file__)


def verified(text: str, tmp_path: Path, *arguments: str) -> tuple[int, str]:
    """Exit status and words of the script, in an isolated interpreter elsewhere."""
    file = tmp_path / "export.jsonl"
    file.write_text(text)
    alone = tmp_path / "verify_export.py"
    alone.write_bytes(SCRIPT.read_bytes())
    command = [sys.executable, "-I", "-S", str(alone), str(file), *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def pinned() -> str:
    return sinks.path().with_name("public-key").read_text().strip()


def whole() -> str:
    return "".join(export.json_lines())


def test_the_whole_log_is_verified(sealed: Fill, tmp_path: Path) -> None:
    sealed(300)
    sealed(10)
    keys = ("--public-key", pinned(), "--checkpoints", str(sinks.path()))
    status, words = verified(whole(), tmp_path, *keys)
    assert status == 0, words
    assert f"All {Checkpoint.objects.latest('size').size} entries" in words


def test_a_filtered_export_is_verified_by_its_proofs(sealed: Fill, tmp_path: Path) -> None:
    sealed(300)
    sealed(10)
    text = "".join(export.json_lines({"event": "group.told"}))
    assert '"proof":[' in text
    status, words = verified(text, tmp_path, "--public-key", pinned())
    assert status == 0, words
    assert "all 310 entries" in words


def test_a_pruned_log_is_verified_from_its_anchor(sealed: Fill, tmp_path: Path) -> None:
    sealed(300)
    retention.prune(before=clock.now())
    sealed(10)
    for text in (whole(), "".join(export.json_lines({"event": "group.told"}))):
        status, words = verified(text, tmp_path, "--public-key", pinned())
        assert status == 0, words


def change(text: str, line: int, make: Callable[[Any], None]) -> str:
    lines = text.splitlines()
    told = json.loads(lines[line])
    make(told)
    return "\n".join([*lines[:line], json.dumps(told), *lines[line + 1 :]]) + "\n"


def edit(told: Any) -> None:
    told["entry"]["actor"] = "mallory"


def move(told: Any) -> None:
    told["position"] += 1


def resign(told: Any) -> None:
    told["checkpoint"] = told["checkpoint"].replace("at 2", "at 3")


@pytest.mark.parametrize("wanted", [{}, {"event": "group.told"}])
def test_a_tampered_export_is_refused(sealed: Fill, tmp_path: Path, wanted: dict[str, str]) -> None:
    sealed(20)
    text = "".join(export.json_lines(wanted))
    lines = text.splitlines(keepends=True)
    for broken in (
        change(text, 5, edit),
        "".join(lines[:5] + lines[6:]),
        "".join(lines[:-1]),
        change(text, 0, resign),
        change(text, 5, move),
    ):
        status, words = verified(broken, tmp_path, "--public-key", pinned())
        assert status == 1, words
        assert "NOT what was sealed" in words


def test_rows_that_changed_places_are_refused(sealed: Fill, tmp_path: Path) -> None:
    sealed(20)
    lines = whole().splitlines(keepends=True)
    lines[4], lines[5] = lines[5], lines[4]
    assert verified("".join(lines), tmp_path)[0] == 1


def test_an_export_under_another_key_is_refused(sealed: Fill, tmp_path: Path) -> None:
    sealed(5)
    key = base64.b64encode(signatures.public_key_of(signatures.new_signing_key())).decode()
    status, words = verified(whole(), tmp_path, "--public-key", key)
    assert (status, "another key" in words) == (1, True)


def test_an_export_that_ends_before_a_checkpoint_that_is_kept_is_refused(
    sealed: Fill, tmp_path: Path
) -> None:
    sealed(5)
    early = whole()
    sealed(5)
    keys = ("--public-key", pinned(), "--checkpoints", str(sinks.path()))
    status, words = verified(early, tmp_path, *keys)
    assert (status, "You keep a checkpoint" in words) == (1, True)


def test_what_is_no_export_is_told_so(tmp_path: Path) -> None:
    for text in ("", "{}\n", "not json\n"):
        assert verified(text, tmp_path)[0] == 2


@given(st.binary(max_size=60))
def test_the_script_knows_signatures_as_cryptography_does(message: bytes) -> None:
    private = signatures.new_signing_key()
    public, signature = signatures.public_key_of(private), signatures.sign(private, message)
    verify_export.check_signature(public, signature, message)
    for wrong in (
        (public, signature, message + b"x"),
        (public, bytes([signature[0] ^ 1]) + signature[1:], message),
        (public, signature[:40] + bytes([signature[40] ^ 1]) + signature[41:], message),
        (signatures.public_key_of(signatures.new_signing_key()), signature, message),
        (public, signature[:-1], message),
    ):
        with pytest.raises(verify_export.Refused):
            verify_export.check_signature(*wrong)


def test_a_signature_with_a_factor_beyond_the_order_is_refused() -> None:
    """RFC 8032 §8.4: else a signature could be changed and stay valid."""
    private = signatures.new_signing_key()
    public, signature = signatures.public_key_of(private), signatures.sign(private, b"m")
    factor = int.from_bytes(signature[32:], "little") + verify_export.ORDER
    with pytest.raises(verify_export.Refused):
        verify_export.check_signature(public, signature[:32] + factor.to_bytes(32, "little"), b"m")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", " @", "\r\n+"])
def test_no_cell_is_a_formula(db: None, start: str) -> None:
    record(Group(pk=1, name=f"{start}HYPERLINK(1)"), "group.told")
    rows = list(csv.DictReader(io.StringIO("".join(export.csv_lines({"event": "group.told"})))))
    assert rows[0]["object"] == f"'{start}HYPERLINK(1)"


def test_the_command_writes_a_file_and_an_event(
    sealed: Fill, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sealed(5)
    file = tmp_path / "audit.jsonl"
    call_command("export_audit", "--output", str(file), "--since", "2020-01-01")
    assert verified(file.read_text(), tmp_path, "--public-key", pinned())[0] == 0
    told = Event.objects.get(name="audit.exported")
    assert told.entry.additional_data["filters"]["since"].startswith("2020-01-01")
    with pytest.raises(Exception, match="exists"):
        call_command("export_audit", "--output", str(file))


def test_rows_of_a_period_are_exported(sealed: Fill) -> None:
    sealed(5)
    later = clock.now() + timedelta(days=1)
    lines = list(export.json_lines({"since": later}))
    assert len(lines) == 2
    assert json.loads(lines[1]) == {"type": "end", "entries": 0, "unsealed": 0}
