import pytest

from tests.caller import Caller
from tests.cast import Cast


@pytest.fixture
def owner(cast: Cast) -> Caller:
    return Caller(cast.owner)
