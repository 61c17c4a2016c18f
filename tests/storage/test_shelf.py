"""What a shelf that fails for a moment does to what is asked of the backend over it."""

from collections.abc import Iterator
from typing import Any

import pytest

from storage.backends import failures
from storage.backends.base import BundleRef
from storage.backends.failures import Brief, brief
from storage.backends.shelf import ShelfBackend


class Faltering:
    """Its listing breaks off once, before the name of this number."""

    def __init__(self, number: int) -> None:
        self.breaks: list[int] = [number]

    def names(self, folder: str) -> Iterator[str]:
        for number in range(3):
            if self.breaks and self.breaks[0] == number:
                self.breaks.pop()
                raise brief("Listing", "the server could not be reached")
            yield f"{number}.example.com"


def listed(shelf: Any) -> list[BundleRef]:
    return [ref for ref in ShelfBackend(shelf).list() if ref.kind == "server"]


def test_a_listing_that_does_not_begin_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "PAUSE", 0)
    assert [ref.name for ref in listed(Faltering(0))] == [f"{n}.example.com" for n in range(3)]


def test_a_listing_that_breaks_off_tells_no_name_twice() -> None:
    with pytest.raises(Brief):
        listed(Faltering(1))
