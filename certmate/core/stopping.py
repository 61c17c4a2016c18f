"""Whether this worker was asked to stop: long work then leaves the rest to another."""

from celery.worker import state


def is_stopping() -> bool:
    """False outside of a worker."""
    # None until a stop is asked for; then an exit code, which may be 0.
    asked: object = state.should_stop
    return asked is not None
