"""What bootstrap does a second time: only what has changed."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from certmate.core.management.commands import bootstrap


@pytest.fixture
def collected(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    settings.STATIC_ROOT = tmp_path / "static"
    own = tmp_path / "own"
    own.mkdir()
    (own / "page.css").write_text("a {}")
    settings.STATICFILES_DIRS = [own]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    calls: list[str] = []

    def counted(name: str, **options: Any) -> None:
        calls.append(name)
        call_command(name, **options)

    monkeypatch.setattr(bootstrap, "call_command", counted)
    return calls


def test_static_files_are_collected_again_when_one_has_changed(
    collected: list[str], settings: Any
) -> None:
    for _ in range(2):
        bootstrap._collect_static_files()
    assert collected == ["collectstatic"]
    (settings.STATICFILES_DIRS[0] / "page.css").write_text("a { color: red }")
    bootstrap._collect_static_files()
    assert len(collected) == 2
    assert "red" in (settings.STATIC_ROOT / "page.css").read_text()
