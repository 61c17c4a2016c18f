"""The one family of errors that CertMate raises on purpose.

A service raises; nothing returns False for "it did not work". An error carries what every surface
needs: a stable dotted code (documented in docs/errors.md), a sentence for a person, whether trying
again can help, and which field of the input was wrong. Problem documents, form errors and retries
are made from it at the edges: `certmate.rest.problems`, `certmate.ui.base`,
`certificates.execution`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import ClassVar

from certmate.pki.errors import PKIError


class CertMateError(Exception):
    """Something that CertMate refuses or could not do, told in words that are safe to show.

    `code` is stable and dotted, `detail` is one or two sentences without secrets, `field` names the
    input that was wrong ("" if none), `retry_after` is the shortest wait that the other side asked
    for, `identifiers` maps a certificate name to what the CA said about it.
    """

    default_code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        detail: str,
        *,
        code: str = "",
        field: str = "",
        retry_after: timedelta | None = None,
        identifiers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.default_code
        self.field = field
        self.retry_after = retry_after
        self.identifiers = dict(identifiers or {})


class InvalidRequest(CertMateError):
    """The input is wrong; sending it again unchanged will fail again."""

    default_code = "request.invalid"


class AccessDenied(CertMateError):
    """The actor may see the object but not do this to it."""

    default_code = "access.denied"


class NotFound(CertMateError):
    """There is no such object, or the actor may not know that there is."""

    default_code = "request.not_found"


class Conflict(CertMateError):
    """The object's present state forbids the change."""

    default_code = "request.conflict"


class UpstreamRejected(CertMateError):
    """A CA, DNS provider or storage backend said no for good: somebody has to change something."""

    default_code = "upstream.rejected"


class UpstreamUnavailable(CertMateError):
    """A CA, DNS provider or storage backend could not answer now; the work is tried again."""

    default_code = "upstream.unavailable"
    retryable = True


class Deferred(CertMateError):
    """Nothing was tried, because it is not its turn yet; `retry_after` says when it is."""

    default_code = "work.deferred"
    retryable = True


class LeaseLost(CertMateError):
    """Another worker holds the row now; whoever sees this stops without writing."""

    default_code = "work.lease_lost"


class IntegrityFault(CertMateError):
    """An invariant of our own is broken, such as a key that does not fit its certificate."""

    default_code = "internal.integrity"


@contextmanager
def invalid_input(field: str) -> Iterator[None]:
    """What `certmate.pki` refuses inside the block is an error of this field of the input, or of
    the part that it names itself.
    """
    try:
        yield
    except PKIError as error:
        raise InvalidRequest(error.detail, code=error.code, field=error.field or field) from error
