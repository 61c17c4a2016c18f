"""When long work leaves the rest to another run: a stop was asked for, or its turn is over."""

from datetime import timedelta

from celery.worker import state

from certmate.core import clock

TURN = timedelta(seconds=50)
"""What the scheduler starts each minute has ended by then, however much there is to do."""


def is_stopping() -> bool:
    """False outside of a worker."""
    # None until a stop is asked for; then an exit code, which may be 0.
    asked: object = state.should_stop
    return asked is not None


class Turn:
    """One run of work that may have no end of its own."""

    def __init__(self) -> None:
        self._began = clock.now()

    def is_over(self) -> bool:
        """Asked between two pieces of work; what is left stands in its rows for the next run."""
        # A clock that was put back ends it, too.
        return is_stopping() or not timedelta(0) <= clock.now() - self._began < TURN
