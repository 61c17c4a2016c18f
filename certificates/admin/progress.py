"""How far an order is, for the page that watches it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from certificates.choices import OrderKind, OrderState, OrderStep
from certificates.models import Order, OrderLog

LINES_SHOWN = 300

Mark = Literal["done", "now", "waits", "failed", "todo"]

_ISSUANCE = (OrderStep.PREPARE, OrderStep.OBTAIN, OrderStep.STORE, OrderStep.FINISH)
_MARKS: dict[str, Mark] = {
    OrderState.WAITING: "waits",
    OrderState.FAILED: "failed",
    OrderState.CANCELLED: "failed",
}


@dataclass(frozen=True)
class Step:
    """One step of the list: `mark` says whether it is done, under way, failed or to come."""

    name: str
    label: str
    mark: Mark


def steps(order: Order) -> list[Step]:
    """The steps of an order of this kind, each with its mark."""
    all_steps = (OrderStep.REVOKE,) if order.kind == OrderKind.REVOKE else _ISSUANCE
    reached = len(all_steps)
    if order.step in all_steps and order.state != OrderState.SUCCEEDED:
        reached = all_steps.index(OrderStep(order.step))
    present: Mark = _MARKS.get(order.state, "now")

    def mark(position: int) -> Mark:
        if position < reached:
            return "done"
        return present if position == reached else "todo"

    return [Step(step.value, str(step.label), mark(at)) for at, step in enumerate(all_steps)]


def log_lines(order: Order, after: int = 0) -> Sequence[OrderLog]:
    """The latest lines of the order's log that come after the line of that id."""
    lines = order.log.filter(pk__gt=after).order_by("-pk")[:LINES_SHOWN]
    return list(reversed(lines))
