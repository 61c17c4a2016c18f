"""Moto's server of AWS on loopback, behind the rules of AWS that moto does not enforce."""

import io
import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3  # type: ignore[import-untyped]
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET_KEY = "aws-secret-key-for-tests"
BUCKET = "certmate-bundles"
VERSIONED_BUCKET = "certmate-bundles-versioned"
_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}")
_MAX_BYTES = 65_536

StartResponse = Callable[..., Any]


@dataclass
class AWS:
    """The server. What is in `denied` (such as `PutSecretValue`, `PUT`) is refused, and all that
    does not bear the `session` of a role, if there is one.
    """

    port: int = 0
    session: str = ""
    denied: set[str] = field(default_factory=set)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def parameters(self) -> dict[str, str]:
        return {
            "access_key_id": ACCESS_KEY,
            "secret_access_key": SECRET_KEY,
            "endpoint_url": self.address,
        }

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.address,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
        )


class _Rules:
    """What stands before moto: the credentials, and the limits of Secrets Manager."""

    def __init__(self, aws: AWS, behind: Any) -> None:
        self._aws, self._behind = aws, behind

    def __call__(self, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        action = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        if f"Credential={ACCESS_KEY}/" not in environ.get("HTTP_AUTHORIZATION", ""):
            return self._refuse(start, action, 403, "InvalidAccessKeyId")
        if self._aws.session != environ.get("HTTP_X_AMZ_SECURITY_TOKEN", ""):
            return self._refuse(start, action, 403, "ExpiredToken")
        if (action or environ["REQUEST_METHOD"]) in self._aws.denied:
            return self._refuse(start, action, 403, "AccessDenied")
        if action:
            length = int(environ.get("CONTENT_LENGTH") or 0)
            body = environ["wsgi.input"].read(length)
            given = json.loads(body or b"{}")
            if not _NAME.fullmatch(given.get("Name", given.get("SecretId", "x"))):
                return self._refuse(start, action, 400, "ValidationException")
            if len(given.get("SecretString", "").encode()) > _MAX_BYTES:
                return self._refuse(start, action, 400, "ValidationException")
            environ["wsgi.input"] = io.BytesIO(body)
        answer: Iterable[bytes] = self._behind(environ, start)
        return answer

    def _refuse(self, start: StartResponse, action: str, status: int, code: str) -> Iterable[bytes]:
        said = json.dumps({"__type": code, "message": code})
        if not action:
            said = f"<Error><Code>{code}</Code><Message>{code}</Message></Error>"
        start(f"{status} Refused", [("Content-Length", str(len(said)))])
        return [said.encode()]


@contextmanager
def aws() -> Iterator[AWS]:
    """The server on a free loopback port, with two buckets."""
    state = AWS()
    app = _Rules(state, DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=MotoRequestHandler)
    state.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        s3 = state.client("s3")
        for bucket in (BUCKET, VERSIONED_BUCKET):
            s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(
            Bucket=VERSIONED_BUCKET, VersioningConfiguration={"Status": "Enabled"}
        )
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
