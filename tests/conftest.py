from collections.abc import Iterator

import pytest

from tests import cast as casting
from tests.cast import Cast
from tests.servers.postgresql import postgresql
from tests.servers.suite import Suite, suite

ON_POSTGRESQL = "test_the_suite_passes_on_postgresql"


@pytest.fixture
def cast(db: None) -> Cast:
    return casting.hire()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever the random order: the suite on PostgreSQL is asked for its result at the end."""
    items.sort(key=lambda item: item.name == ON_POSTGRESQL)


@pytest.fixture(scope="session")
def suite_on_postgresql() -> Iterator[Suite]:
    with postgresql() as url, suite(url) as running:
        yield running


@pytest.fixture(scope="session", autouse=True)
def _start_early(request: pytest.FixtureRequest) -> None:
    """The suite on PostgreSQL has the time of all other tests, if it was asked for at all."""
    if any(item.name == ON_POSTGRESQL for item in request.session.items):
        request.getfixturevalue("suite_on_postgresql")
