"""What Secrets Manager and S3 have in common: clients of boto3, their sign-in and their errors."""

import ssl
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

from certmate.core.errors import CertMateError, InvalidRequest
from certmate.core.parameters import Parameter
from storage.backends import connections
from storage.backends.connections import (
    CA_BUNDLE,
    CLIENTS,
    GUARDED,
    check_endpoint,
    redirected,
    trust,
)
from storage.backends.failures import answered, missing_sdk, not_signed_in, unreached

T = TypeVar("T")

_NOT_SIGNED_IN = {
    *("UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId"),
    *(
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidSignatureException",
    ),
}
_FORBIDDEN = {"AccessDenied", "AccessDeniedException", "KMSAccessDeniedException"}

PARAMETERS = (
    Parameter(name="region", label="Region", help="Such as eu-central-1.", default="us-east-1"),
    Parameter(
        name="access_key_id",
        label="Access key id",
        help="Empty: the profile, or the machine's own role.",
        required=False,
    ),
    Parameter(name="secret_access_key", label="Secret access key", secret=True, required=False),
    Parameter(
        name="profile",
        label="Profile",
        help="Of the AWS configuration files of this machine.",
        required=False,
    ),
    Parameter(
        name="use_ambient_credentials",
        label="Use the machine's own role",
        choices=("false", "true"),
        default="false",
        required=False,
    ),
    Parameter(
        name="endpoint_url",
        label="Endpoint URL",
        help="Only for another service with the same API.",
        required=False,
    ),
    CA_BUNDLE,
)


def check(values: Mapping[str, str]) -> None:
    """Raise InvalidRequest for parameters that make no sense together."""
    check_endpoint(values, "endpoint_url")
    pair = [name for name in ("access_key_id", "secret_access_key") if name in values]
    ways = [bool(pair), "profile" in values, values["use_ambient_credentials"] == "true"]
    if ways.count(True) != 1 or len(pair) == 1:
        raise InvalidRequest(
            "Give an access key with its secret, or a profile, or use the machine's own role.",
            code="storage.parameters",
            field="parameters.access_key_id",
        )
    if not values["region"].replace("-", "").isalnum():
        raise InvalidRequest(
            "A region has letters, digits and dashes.",
            code="storage.parameters",
            field="parameters.region",
        )


def as_machine(values: Mapping[str, str]) -> bool:
    """Whether a profile or the role of this machine signs in."""
    return "profile" in values or values.get("use_ambient_credentials") == "true"


class AWSClient:
    """A client of one service, made when it is first used."""

    def __init__(self, service: str, values: Mapping[str, str]) -> None:
        self._service, self._values = service, values
        self._trust = trust(values)
        self._made: Any = None

    def run(
        self, doing: str, needs: str, call: Callable[[Any], T], *, absent: str = ""
    ) -> T | None:
        """What the call answers; None for an error of the code `absent`."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return call(self._client())
        except ClientError as error:
            code = str(error.response["Error"].get("Code", ""))
            if code in absent.split():
                return None
            raise _failure(error, code, doing, needs) from None
        except BotoCoreError as error:
            inner = error.kwargs.get("error") if hasattr(error, "kwargs") else None
            if isinstance(inner, CertMateError):
                raise inner from None
            if "Credential" in type(error).__name__ or "Profile" in type(error).__name__:
                raise not_signed_in("this machine has no credentials of that kind") from None
            raise unreached(error, doing) from None

    def _client(self) -> Any:
        if self._made is None:
            self._made = self._make()
        return self._made

    def _make(self) -> Any:
        try:
            import boto3  # type: ignore[import-untyped]
        except ImportError:
            raise missing_sdk("boto3") from None
        from botocore.config import Config

        values = self._values
        own = boto3.Session(
            aws_access_key_id=values.get("access_key_id"),
            aws_secret_access_key=values.get("secret_access_key"),
            profile_name=values.get("profile"),
            region_name=values["region"],
        )
        config = Config(
            connect_timeout=connections.CONNECT_SECONDS,
            read_timeout=connections.READ_SECONDS,
            max_pool_connections=connections.POOL,
            # `failures.attempt` is the one place that tries again.
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path" if "endpoint_url" in values else "auto"},
            # Other services with this API know no checksums of this kind.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        client = own.client(self._service, endpoint_url=values.get("endpoint_url"), config=config)
        if "endpoint_url" in values:
            client._endpoint.http_session = _guarded_session(self._trust)
        return client


def client(service: str, values: Mapping[str, str]) -> AWSClient:
    """The client of a service for everything that signs in alike."""
    names = [parameter.name for parameter in PARAMETERS]
    return CLIENTS.get(service, values, names, lambda: AWSClient(service, values))


def _guarded_session(context: ssl.SSLContext | None) -> Any:
    """botocore's HTTP session with our connections; it takes neither them nor a CA in memory."""
    from botocore.httpsession import URLLib3Session

    class Session(URLLib3Session):  # type: ignore[misc]
        def send(self, request: Any) -> Any:
            response = super().send(request)
            if 300 < response.status_code < 400 and response.status_code != HTTPStatus.NOT_MODIFIED:
                response.raw.close()
                raise redirected()
            return response

        def _get_ssl_context(self) -> Any:
            return context if context is not None else super()._get_ssl_context()

        def _setup_ssl_cert(self, conn: Any, url: str, verify: Any) -> None:
            if context is None:
                super()._setup_ssl_cert(conn, url, verify)

    made = Session(
        timeout=(connections.CONNECT_SECONDS, connections.READ_SECONDS),
        max_pool_connections=connections.POOL,
    )
    made._manager.pool_classes_by_scheme = GUARDED
    return made


def _failure(error: Any, code: str, doing: str, needs: str) -> CertMateError:
    if code in _NOT_SIGNED_IN:
        return not_signed_in("the access key is wrong or has expired")
    if code in _FORBIDDEN:
        return answered(403, doing, needs=needs)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500))
    if "Throttl" in code or "LimitExceeded" in code or code == "SlowDown":
        status = 429
    return answered(status, doing, needs=needs)
