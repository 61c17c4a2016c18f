"""The PKCS #11 token of this process: one session, used by one thread at a time.

Imported where a token is used only, because python-pkcs11 is optional. A library that was
initialised without locks of its own may be called by one thread at a time (PKCS #11 v3.0 §5.4), and
in a forked child it has to be initialised again (§2.6.1 of its usage guide).
"""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

import pkcs11
from django.conf import settings
from pkcs11 import exceptions as refusals

from certmate.core.errors import (
    CertMateError,
    IntegrityFault,
    UpstreamRejected,
    UpstreamUnavailable,
)

Answer = TypeVar("Answer")

_LOGIN = (
    refusals.PinExpired,
    refusals.PinIncorrect,
    refusals.PinInvalid,
    refusals.PinLenRange,
    refusals.PinLocked,
    refusals.UserPinNotInitialized,
)
_WILL_NOT = (
    refusals.AttributeTypeInvalid,
    refusals.AttributeValueInvalid,
    refusals.DomainParamsInvalid,
    refusals.FunctionNotSupported,
    refusals.KeySizeRange,
    refusals.KeyTypeInconsistent,
    refusals.MechanismInvalid,
    refusals.MechanismParamInvalid,
    refusals.MultipleTokensReturned,
    refusals.SessionReadOnly,
    refusals.TemplateInconsistent,
    refusals.TokenWriteProtected,
)


@dataclass(frozen=True)
class Place:
    """Which token, and how to get in."""

    module: str
    label: str
    pin: str = field(repr=False)


class Token:
    """The one session of this process, opened when it is needed and again when it has broken."""

    def __init__(self) -> None:
        self._refused: Place | None = None
        self.forget()

    def forget(self) -> None:
        """In a forked child: the session is the parent's, and its lock may be held for ever."""
        self._lock = threading.Lock()
        self._session: pkcs11.Session | None = None
        self._keys: dict[bytes, pkcs11.SignMixin] = {}
        self._place: Place | None = None

    def use(self, work: Callable[[pkcs11.Session], Answer]) -> Answer:
        """What `work` answers, which is done twice if a session that had been open has ended.

        Raises UpstreamUnavailable (`authority.token_unavailable`), UpstreamRejected
        (`authority.token_refused`, `authority.pkcs11_missing`), IntegrityFault
        (`authority.key_missing`).
        """
        with self._lock:
            place = _configured()
            if self._session is not None and self._place == place:
                try:
                    return work(self._session)
                except refusals.PKCS11Error:
                    self._session = None
            try:
                return work(self._opened(place))
            except refusals.PKCS11Error as error:
                self._session = None
                failure = self._translated(error, place)
        raise failure

    def private_key(self, session: pkcs11.Session, key_id: bytes) -> pkcs11.SignMixin:
        """The key with this id; found once a session. For use inside `work`."""
        if key_id not in self._keys:
            found = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, id=key_id)
            if not isinstance(found, pkcs11.SignMixin):
                raise refusals.NoSuchKey
            self._keys[key_id] = found
        return self._keys[key_id]

    def _opened(self, place: Place) -> pkcs11.Session:
        if place == self._refused:
            # Tokens lock themselves after a few wrong PINs.
            raise refusals.PinIncorrect
        self._keys = {}
        library = pkcs11.lib(place.module)
        # A new session may need a new connection; in a forked child there is none at all.
        with suppress(refusals.PKCS11Error):
            library.finalize()
        library.initialize()
        token = library.get_token(token_label=place.label)
        self._session = token.open(rw=True, user_pin=place.pin)
        self._place = place
        return self._session

    def _translated(self, error: refusals.PKCS11Error, place: Place) -> CertMateError:
        name = type(error).__name__
        if isinstance(error, refusals.NoSuchKey):
            return IntegrityFault(
                "The token does not have the authority's key any more.",
                code="authority.key_missing",
            )
        if isinstance(error, _LOGIN):
            self._refused = place
            return UpstreamRejected(
                f"The token {place.label} did not accept CERTMATE_PKCS11_PIN ({name}).",
                code="authority.token_refused",
            )
        if isinstance(error, _WILL_NOT):
            return UpstreamRejected(
                f"The token {place.label} does not do this ({name}).",
                code="authority.token_refused",
            )
        return UpstreamUnavailable(
            f"The token {place.label} cannot be used now ({name}).",
            code="authority.token_unavailable",
        )


def _configured() -> Place:
    if not settings.CERTMATE_PKCS11_MODULE:
        raise UpstreamRejected(
            "No token is configured: set CERTMATE_PKCS11_MODULE, CERTMATE_PKCS11_TOKEN and "
            "CERTMATE_PKCS11_PIN.",
            code="authority.pkcs11_missing",
        )
    return Place(
        settings.CERTMATE_PKCS11_MODULE,
        settings.CERTMATE_PKCS11_TOKEN,
        settings.CERTMATE_PKCS11_PIN,
    )


TOKEN = Token()
os.register_at_fork(after_in_child=TOKEN.forget)
