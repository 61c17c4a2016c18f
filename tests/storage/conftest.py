"""A data directory of its own for every test of storage."""

from pathlib import Path

import pytest
from pytest_django import Settings

from storage.backends.local import LocalBackend


@pytest.fixture(autouse=True)
def data_dir(settings: Settings, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path


@pytest.fixture
def root(data_dir: Path) -> Path:
    return data_dir / "certificates"


@pytest.fixture
def local(root: Path) -> LocalBackend:
    return LocalBackend(root)
