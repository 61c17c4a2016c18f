"""What can stand in the way of a dns-01 answer besides the plugin's own errors."""

from collections.abc import Mapping
from typing import Any

PUBLISH, SEE, REMOVE = "publish", "see", "remove"


class NotDelegated(Exception):
    """Names whose answers would stand where no CA looks."""

    def __init__(self, found: Mapping[str, str]) -> None:
        super().__init__(", ".join(found))
        self.identifiers = [{"identifier": n, "detail": text} for n, text in found.items()]


class NoSuchProfile(Exception):
    """The CA does not issue under the profile that was asked for."""


class PublisherFailed(Exception):
    """What the process of one of several DNS accounts has told of itself."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(problem["account"])
        self.problem = problem


class Overfull(Exception):
    """The provider does not keep as many answers at one name."""


class StageFailed(Exception):
    """One of the three stages of a trial did not work; the cause says why."""

    def __init__(self, stage: str, detail: str = "") -> None:
        super().__init__(detail)
        self.stage = stage
