"""Signing in to Vault and OpenBao by hvac, and staying signed in: one client for all threads."""

import math
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from storage.backends.connections import READ_SECONDS, session, trust
from storage.backends.failures import (
    answered,
    forbidden,
    missing_sdk,
    not_signed_in,
    unreached,
)

T = TypeVar("T")

_RENEW_AGAIN = 300.0


class OvertakenError(Exception):
    """The secret is not in the state that a check-and-set named."""


class VaultSession:
    """A client that is signed in, stays so, and is one for all threads."""

    def __init__(self, values: Mapping[str, str], service_account_token: Path | None) -> None:
        self._values = values
        self._service_account_token = service_account_token
        self._trust = trust(values)
        self._lock = threading.Lock()
        self._client: Any = None
        self._renew_at = 0.0

    def run(self, doing: str, needs: str, call: Callable[[Any], T]) -> T | None:
        """What the call answers; None where there is nothing at the path."""
        client = self._signed_in()
        from hvac import exceptions

        try:
            return _told(doing, needs, call, client)
        except exceptions.Forbidden:
            # It says the same of a token that has expired and of a path that it may not use.
            again = self._after_refusal(client)
        try:
            return _told(doing, needs, call, again)
        except exceptions.Forbidden:
            raise forbidden(doing, needs) from None

    def _signed_in(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = self._sign_in()
            elif time.monotonic() > self._renew_at:
                self._renew()
            return self._client

    def _after_refusal(self, refused: Any) -> Any:
        """Another client if the refusal can come of the token; raises if it does for sure."""
        with self._lock:
            if self._client is not refused:
                return self._client
            if self._values["auth"] == "token" and self._lifetime(refused) is None:
                raise not_signed_in("the token is wrong or has expired")
            if self._values["auth"] != "token":
                self._client = self._sign_in()
            return self._client

    def _sign_in(self) -> Any:
        try:
            import hvac
        except ImportError:
            raise missing_sdk("hvac") from None
        client = hvac.Client(
            url=self._values["url"],
            session=session(self._values["url"], self._trust),
            timeout=READ_SECONDS,
            namespace=self._values.get("namespace"),
        )
        if self._values["auth"] == "token":
            client.token = self._values["token"]
            seconds = self._lifetime(client)
        else:
            seconds = self._log_in(client)
        self._plan_renewal(seconds)
        return client

    def _log_in(self, client: Any) -> float:
        from hvac import exceptions

        values, mount = self._values, self._values.get("auth_mount")
        try:
            if values["auth"] == "approle":
                answer = client.auth.approle.login(
                    role_id=values["role_id"],
                    secret_id=values.get("secret_id"),
                    mount_point=mount or "approle",
                )
            else:
                answer = client.auth.kubernetes.login(
                    role=values["role"],
                    jwt=self._service_account(),
                    mount_point=mount or "kubernetes",
                )
        except (exceptions.InvalidRequest, exceptions.Forbidden, exceptions.Unauthorized):
            raise not_signed_in("the role or its secret is wrong or has expired") from None
        except exceptions.InvalidPath:
            raise not_signed_in("there is no such auth method at this mount") from None
        except exceptions.VaultError as error:
            raise answered(_status(error), "Signing in", needs="log in") from None
        except OSError as error:
            raise unreached(error, "Signing in") from None
        return float(answer["auth"]["lease_duration"])

    def _service_account(self) -> str:
        try:
            if self._service_account_token is None:
                raise FileNotFoundError
            return self._service_account_token.read_text().strip()
        except OSError:
            raise not_signed_in(
                "CERTMATE_KUBERNETES_TOKEN_FILE names no service account token that can be read"
            ) from None

    def _lifetime(self, client: Any) -> float | None:
        """Seconds until the token expires, 0 for never; None if it is no good."""
        from hvac import exceptions

        try:
            found = client.auth.token.lookup_self()["data"]
        except exceptions.Forbidden:
            return None
        except exceptions.VaultError as error:
            raise answered(_status(error), "Signing in", needs="auth/token/lookup-self") from None
        except OSError as error:
            raise unreached(error, "Signing in") from None
        return float(found["ttl"]) if found.get("renewable") else 0.0

    def _renew(self) -> None:
        from hvac import exceptions

        try:
            answer = self._client.auth.token.renew_self()
        except exceptions.VaultError:
            # At its longest lifetime, or not renewable: sign in anew; a bare token just ends.
            if self._values["auth"] != "token":
                self._client = self._sign_in()
            self._renew_at = time.monotonic() + _RENEW_AGAIN
        except OSError:
            self._renew_at = time.monotonic() + _RENEW_AGAIN
        else:
            self._plan_renewal(float(answer["auth"]["lease_duration"]))

    def _plan_renewal(self, seconds: float | None) -> None:
        """With half of the lifetime left, so that an outage of some hours does no harm."""
        self._renew_at = time.monotonic() + seconds / 2 if seconds else math.inf


def _told(doing: str, needs: str, call: Callable[[Any], T], client: Any) -> T | None:
    """The call's answer, with every failure but Forbidden as one of ours."""
    from hvac import exceptions

    try:
        return call(client)
    except exceptions.InvalidPath:
        return None
    except exceptions.Forbidden:
        raise
    except exceptions.InvalidRequest as error:
        if "check-and-set" in str(error):
            raise OvertakenError from None
        raise answered(400, doing, needs=needs) from None
    except exceptions.VaultError as error:
        raise answered(_status(error), doing, needs=needs) from None
    except OSError as error:
        raise unreached(error, doing) from None


def _status(error: Any) -> int:
    """hvac has a class for each status that it knows."""
    from hvac import exceptions

    known = {
        exceptions.Unauthorized: 401,
        exceptions.Forbidden: 403,
        exceptions.RateLimitExceeded: 429,
        exceptions.InvalidRequest: 400,
        exceptions.UnexpectedError: 500,
    }
    return known.get(type(error), 503)
