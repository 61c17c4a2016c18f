import os
from pathlib import Path

import pytest
from pytest_django import Settings

from tests import cast as casting
from tests.cast import Cast


@pytest.fixture
def cast(db: None) -> Cast:
    return casting.hire()


@pytest.fixture
def data_dir(settings: Settings, tmp_path: Path) -> Path:
    """A data directory that no other test has left anything in."""
    settings.DATA_DIR = tmp_path
    return tmp_path


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On another database, only what asks a database is asked again."""
    if "CERTMATE_TEST_DATABASE_URL" in os.environ:
        config.hook.pytest_deselected(items=[item for item in items if not _needs_database(item)])
        items[:] = [item for item in items if _needs_database(item)]


def _needs_database(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    return item.get_closest_marker("django_db") is not None or "db" in fixtures
