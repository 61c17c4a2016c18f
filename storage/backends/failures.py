"""What goes wrong at a remote place, told in words of our own and tried again where that helps.

An answer of the other side is never repeated: it may hold what was sent.
"""

import random
import time
from collections.abc import Callable
from typing import TypeVar

import requests

from certmate.core.errors import CertMateError, IntegrityFault, UpstreamRejected
from certmate.core.errors import UpstreamUnavailable as Unavailable

T = TypeVar("T")

ATTEMPTS = 3
PAUSE = 0.3
"""Seconds before the second attempt, on the average; before the third it is twice that."""


class Brief(Unavailable):
    """Likely to be over in a moment: a connection that broke, a server that was busy."""


def attempt(call: Callable[[], T]) -> T:
    """The result of the call, which may be made again; a time-out is not worth a second one."""
    for again in range(1, ATTEMPTS):
        try:
            return call()
        except Brief:
            # Half to one and a half: whoever failed together shall not come back together.
            time.sleep(PAUSE * again * (0.5 + random.random()))  # noqa: S311 - no secret.
    return call()


def unavailable(doing: str, why: str) -> Unavailable:
    return Unavailable(f"{doing} failed: {why}.", code="storage.unavailable")


def brief(doing: str, why: str) -> Brief:
    return Brief(f"{doing} failed: {why}.", code="storage.unavailable")


def forbidden(doing: str, needs: str) -> UpstreamRejected:
    """Signed in, but not allowed; `needs` names the missing permission as the vendor does."""
    return UpstreamRejected(
        f"{doing} was refused. Missing permission: {needs}.", code="storage.forbidden"
    )


def not_signed_in(why: str) -> UpstreamRejected:
    return UpstreamRejected(f"Signing in failed: {why}.", code="storage.credentials")


def rejected(doing: str, why: str) -> UpstreamRejected:
    return UpstreamRejected(f"{doing} was refused: {why}.", code="storage.rejected")


def damaged(detail: str) -> IntegrityFault:
    return IntegrityFault(detail, code="storage.damaged")


def missing_sdk(package: str) -> UpstreamRejected:
    return UpstreamRejected(
        f"The Python package {package} is not installed. Install requirements/storage.txt into "
        "the environment of the web server and of every worker.",
        code="storage.missing_sdk",
    )


def answered(status: int, doing: str, *, needs: str) -> CertMateError:
    """What an HTTP status other than success and 404 means."""
    if status == 401:
        return not_signed_in("the credentials are wrong or have expired")
    if status == 403:
        return forbidden(doing, needs)
    if status == 429 or status >= 500:
        return brief(doing, f"the server was busy or broken (HTTP {status})")
    if status == 404:
        return rejected(doing, "there is no such place (HTTP 404)")
    return rejected(doing, f"the server did not take it (HTTP {status})")


def unreached(error: Exception, doing: str) -> CertMateError:
    """What an exception of an HTTP library means, which came before any answer."""
    text = repr(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return UpstreamRejected(
            f"{doing} failed: the server's certificate is not trusted. Give the bundle of its CA.",
            code="storage.untrusted",
        )
    if isinstance(error, requests.Timeout) or "timed out" in text or "Timeout" in text:
        return unavailable(doing, "the server did not answer in time")
    return brief(doing, "the server could not be reached")
