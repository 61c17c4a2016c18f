"""What CertMate changes about how the `acme` library talks to a CA.

The library's network class is changed itself, because certbot makes instances of its own:
addresses that no CA has are refused, redirects are not followed, a rejected nonce is tried more
often, the CA's trust bundle is used for the CA alone, and what a failed answer said in its headers
is noted.
"""

import contextlib
import ipaddress
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from acme import messages
from acme.client import ClientNetwork, ClientV2

from certmate.core.outgoing import is_forbidden_address

NONCE_TRIES = 8
_RESOURCES = ("newNonce", "newAccount", "newOrder", "revokeCert")
PROBLEM_TYPE = "application/problem+json"


class RefusedURL(Exception):
    """The CA's directory leads somewhere that CertMate does not call."""


class NotACA(Exception):
    """The directory is none (RFC 8555 §7.1.1)."""


@dataclass
class Journal:
    """What the exceptions of the library do not carry."""

    retry_after: float | None = None
    status: int = 0
    content_type: str = ""
    failed: list[dict[str, str]] = field(default_factory=list)
    hook_failed: str = ""

    def forget(self) -> None:
        """What failed before is not the reason of what fails from here on."""
        self.retry_after, self.status, self.content_type = None, 0, ""


def install(journal: Journal, *, trust_file: str) -> None:
    """Changes the library for the rest of this process."""
    original_send = ClientNetwork._send_request
    original_check = ClientNetwork._check_response

    def send(
        self: ClientNetwork, method: str, url: str, *args: Any, **kwargs: Any
    ) -> requests.Response:
        check_url(url)
        if trust_file:
            self.verify_ssl = trust_file  # type: ignore[assignment]  # requests takes a path as well
        kwargs["allow_redirects"] = False
        with guarded_resolution():
            response = original_send(self, method, url, *args, **kwargs)
        if response.is_redirect:
            raise RefusedURL(f"{urlsplit(url).hostname} answers with a redirect.")
        return response

    def check(response: requests.Response, content_type: str | None = None) -> requests.Response:
        if not response.ok:
            journal.retry_after = retry_after_seconds(response.headers.get("Retry-After", ""))
            journal.status = response.status_code
            journal.content_type = (
                response.headers.get("Content-Type", "").partition(";")[0].strip()
            )
        return original_check(response, content_type)

    def post(self: ClientNetwork, *args: Any, **kwargs: Any) -> requests.Response:
        for _ in range(NONCE_TRIES - 1):
            try:
                return self._post_once(*args, **kwargs)
            except messages.Error as error:
                if error.code != "badNonce":
                    raise
        return self._post_once(*args, **kwargs)

    def get_directory(url: str, net: ClientNetwork) -> messages.Directory:
        found = net.get(url).json()
        if not isinstance(found, dict) or not all(
            isinstance(found.get(name), str) for name in _RESOURCES
        ):
            raise NotACA
        return messages.Directory.from_json(found)

    ClientV2.get_directory = staticmethod(get_directory)  # type: ignore[method-assign]
    ClientNetwork._send_request = send  # type: ignore[method-assign]
    ClientNetwork._check_response = staticmethod(check)  # type: ignore[method-assign]
    ClientNetwork.post = post  # type: ignore[method-assign]


def check_url(url: str) -> None:
    """Raises RefusedURL for what is not plain https to a host, or to an address that no CA has."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise RefusedURL("It names something that is no URL.") from None
    if (
        parts.scheme != "https"
        or not host
        or parts.username is not None
        or parts.password is not None
    ):
        raise RefusedURL("It names something that is not an https URL without a user name.")
    with contextlib.suppress(ValueError):
        check_address(str(ipaddress.ip_address(host)))


def check_address(address: str) -> None:
    """Raises RefusedURL for an address that no CA and no DNS provider has."""
    if is_forbidden_address(address):
        raise RefusedURL(f"It leads to {address}.")


@contextlib.contextmanager
def guarded_resolution() -> Iterator[None]:
    """Looks at the very addresses that are connected to, so that a second answer cannot differ."""
    original: Callable[..., Any] = socket.getaddrinfo

    def resolve(*args: Any, **kwargs: Any) -> Any:
        answers = original(*args, **kwargs)
        for answer in answers:
            check_address(answer[4][0])
        return answers

    socket.getaddrinfo = resolve
    try:
        yield
    finally:
        socket.getaddrinfo = original


def retry_after_seconds(header: str) -> float | None:
    """The seconds to wait that a Retry-After header says (RFC 9110 §10.2.3), in either form."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    return None
