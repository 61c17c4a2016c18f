"""Which of the catalogue's packages are there."""

from functools import cache
from importlib import metadata


@cache
def is_installed(package: str) -> bool:
    """Whether this environment has the package; asked once in a process's life."""
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True
