import pytest

from certmate.core import rates
from providers.models import Authority
from providers.services.ocsp import answering
from tests.providers.authority import making


@pytest.fixture(autouse=True)
def _nothing_known() -> None:
    """What a process has learnt of the authorities and counted of the callers of another test."""
    answering.forget_issuers()
    rates._counter.cache_clear()


@pytest.fixture
def root(db: None) -> Authority:
    return making.root()
