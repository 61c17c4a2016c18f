"""One measured figure beside what was promised of it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """`value` must not exceed `limit`; `basis` says what was measured and against what."""

    what: str
    value: float
    limit: float
    unit: str
    basis: str

    @property
    def is_kept(self) -> bool:
        return self.value <= self.limit

    def __str__(self) -> str:
        verdict = "kept  " if self.is_kept else "BROKEN"
        figures = f"{self.value:.2f}{self.unit} (limit {self.limit:g}{self.unit}; {self.basis})"
        return f"{verdict} {self.what}: {figures}"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]
