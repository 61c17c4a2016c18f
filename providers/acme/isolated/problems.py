"""Turns whatever came out of certbot into one problem for the parent.

Certbot wraps and re-raises, so that the cause is looked for along the whole chain of exceptions.
"""

import socket
import traceback
from collections.abc import Iterator
from typing import Any

import requests
from acme import errors as acme_errors
from acme import messages
from certbot import errors as certbot_errors
from josepy.errors import DeserializationError

from providers.acme.isolated.accounts import BadBinding
from providers.acme.isolated.network import PROBLEM_TYPE, Journal, NotACA, RefusedURL
from providers.acme.isolated.plugins import HookRefused, PluginMissing
from providers.acme.isolated.trouble import (
    SEE,
    NoSuchProfile,
    NotDelegated,
    Overfull,
    PublisherFailed,
    StageFailed,
)

_NO_CHALLENGE = ("any combination of challenges", "None of the preferred challenges")
_PLUGINS = ("certbot_dns_", "certbot_plugin_", "certbot_regru", "lego_bridge")
_NOT_DECIDED = "not finalized by the CA"


def describe(error: BaseException, request: dict[str, Any], journal: Journal) -> dict[str, Any]:
    """The problem as JSON; see `providers.acme.failures` for what is made of it."""
    chain = list(_chain(error))
    for found in chain:
        if isinstance(found, PublisherFailed):
            return {"chain": [], **found.problem}
    problem = _describe(chain, journal) | {"with_eab": bool(request.get("eab"))}
    stages = [found.stage for found in chain if isinstance(found, StageFailed)]
    problem |= {"stage": stages[0] if stages else ""}
    return problem | {"retry_after": journal.retry_after, "chain": [_class_name(e) for e in chain]}


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        inside = [a for a in error.args if isinstance(a, BaseException)]
        error = error.__cause__ or error.__context__ or (inside[0] if inside else None)


def _class_name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def _describe(chain: list[BaseException], journal: Journal) -> dict[str, Any]:
    if journal.failed:
        return {"kind": "authorization", "identifiers": journal.failed}
    if journal.hook_failed:
        return {"kind": "hook", "detail": journal.hook_failed}
    for error in chain:
        found = _own(error) or _upstream(error, journal)
        if found:
            return found
    for error in chain:
        # Plugins let some exceptions of their vendors' libraries through.
        if isinstance(error, certbot_errors.PluginError) or _is_raised_in(error, *_PLUGINS):
            return {"kind": "dns", "detail": _words(error, chain)}
    return {"kind": "unexpected", "detail": f"{type(chain[0]).__name__}."}


def _words(error: BaseException, chain: list[BaseException]) -> str:
    """The plugin's words; not where they repeat an answer that is not the vendor's."""
    if any(type(found).__module__.startswith("botocore.parsers") for found in chain):
        return "The DNS provider's answer could not be understood."
    # What follows is the answer of a server that may be the account's own idea of a provider.
    return str(error).split(" body: ", 1)[0]


def _own(error: BaseException) -> dict[str, Any] | None:  # noqa: PLR0911 - a table of types
    match error:
        case RefusedURL():
            return {"kind": "refused_url", "detail": str(error)}
        case PluginMissing():
            return {"kind": "plugin_missing", "package": f"pip install {error}"}
        case NotACA():
            return {"kind": "malformed", "detail": "It is no ACME directory."}
        case BadBinding():
            return {"kind": "bad_eab", "detail": "The HMAC key is not base64url."}
        case NotDelegated():
            return {"kind": "delegation", "identifiers": error.identifiers}
        case NoSuchProfile():
            return {"kind": "profile", "detail": str(error)}
        case Overfull():
            return {"kind": "capacity", "detail": str(error)}
        case StageFailed() if error.stage == SEE:
            return {"kind": "dns", "detail": str(error)}
        case HookRefused():
            return {"kind": "hook", "detail": str(error)}
        case certbot_errors.AuthorizationError() if any(
            words in str(error) for words in _NO_CHALLENGE
        ):
            return {"kind": "unsupported_challenge"}
        case certbot_errors.AuthorizationError() if _NOT_DECIDED in str(error):
            return {"kind": "timeout", "detail": "The CA did not decide in time."}
    return None


def _upstream(  # noqa: PLR0911 - a table of types
    error: BaseException, journal: Journal
) -> dict[str, Any] | None:
    match error:
        case messages.Error():
            return _acme(error, journal)
        case acme_errors.IssuanceError():
            return _acme(error.error, journal)
        case acme_errors.TimeoutError():
            return {"kind": "timeout", "detail": "The CA did not finish in time."}
        case requests.exceptions.SSLError():
            return {"kind": "tls"}
        case requests.exceptions.ReadTimeout():
            return {"kind": "timeout", "detail": "The CA did not answer in time."}
        case requests.exceptions.JSONDecodeError() | DeserializationError():
            # Never its words: they may repeat what a server that is no CA has answered.
            return {"kind": "malformed"}
        case requests.exceptions.RequestException() | socket.gaierror():
            return {"kind": "network"} if _is_raised_in(error, "acme.") else None
        case acme_errors.ClientError():
            return {"kind": "http", "status": journal.status}
        case acme_errors.NonceError():
            return {"kind": "malformed"}
        case acme_errors.Error():
            return {"kind": "acme", "detail": "The order failed."}
    return None


def _acme(problem: messages.Error, journal: Journal) -> dict[str, Any]:
    # Any JSON body counts as a problem for the library; only a CA's words may be shown.
    if not messages.is_acme_error(problem) and journal.content_type != PROBLEM_TYPE:
        return {"kind": "http", "status": journal.status}
    parts = [p for p in (problem.subproblems or ()) if p.identifier is not None]
    if problem.identifier is not None and not parts:
        parts = [problem]
    return {
        "kind": "acme",
        "type": str(problem.typ),
        "detail": problem.detail or problem.title or "",
        "identifiers": [
            {"identifier": p.identifier.value, "type": str(p.typ), "detail": p.detail or ""}
            for p in parts
            if p.identifier is not None
        ],
    }


def _is_raised_in(error: BaseException, *modules: str) -> bool:
    """Whether the exception came through one of these modules."""
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_globals.get("__name__", "").startswith(modules) for frame, _ in frames)


def unspoken(problem: dict[str, Any]) -> bool:
    """Whether the exception's words may repeat what a server that is no CA has answered."""
    return problem["kind"] in ("malformed", "http", "refused_url")
