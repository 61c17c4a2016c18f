"""A log of one's own: its checkpoints go to a directory of the test."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import Group

from certmate.audit import sealing
from certmate.audit.models import Checkpoint, Leaf
from certmate.audit.services import record
from tests.audit.tampering import Middle


@pytest.fixture(autouse=True)
def _own_data_dir(data_dir: Path) -> None:
    """The seal's key and pins are files there."""


@pytest.fixture
def sealed(db: None) -> Callable[..., None]:
    """Writes this many rows and seals them."""

    def fill(count: int = 5) -> None:
        group, _ = Group.objects.get_or_create(name="told")
        for number in range(count):
            record(group, "group.told", number=number)
        sealing.seal()

    return fill


@pytest.fixture
def middle(sealed: Callable[..., None]) -> Middle:
    """Three checkpoints; an entry in the second."""
    for _ in range(3):
        sealed(5)
    leaf = Leaf.objects.get(position=list(Checkpoint.objects.order_by("size"))[1].size - 3)
    found = Middle(leaf.entry_id)
    found.position = leaf.position
    return found
