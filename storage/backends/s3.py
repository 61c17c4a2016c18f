"""S3 and object stores with its API, by boto3: one object a document.

Writes are conditional (If-None-Match, If-Match), which AWS has since 2024 and MinIO, Ceph and R2
have as well.
"""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from certmate.core.errors import InvalidRequest
from certmate.core.parameters import Parameter
from storage.backends import aws
from storage.backends.base import Backend, BackendSpec, OwnPlaces
from storage.backends.documents import Document, from_text, to_text
from storage.backends.failures import damaged
from storage.backends.shelf import Found, SameShape, ShelfBackend
from storage.backends.spelling import address_of, host_of, joined, path_of

PAGE = 1000
"""As many as S3 gives at once."""

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
_SUFFIX = ".json"
_OWN = re.compile(
    r"(?:(?P<bucket>.+)\.)?s3(?:[.-][a-z0-9.-]+)?\.(?P<domain>amazonaws\.com(\.cn)?|api\.aws)"
)
_PRIVATE_LINK = re.compile(r"(^|\.)bucket\.vpce-[a-z0-9-]+$")
_OVERTAKEN = "PreconditionFailed ConditionalRequestConflict"


class S3Shelf(SameShape):
    """Objects of one bucket whose keys begin with a prefix."""

    creates = replaces = True
    limit: int | None = None
    lists_at_once = True

    def __init__(self, client: aws.AWSClient, values: Mapping[str, str]) -> None:
        self._client, self._bucket, self._prefix = client, values["bucket"], values["prefix"]
        self._encryption: dict[str, str] = {}
        if values["encryption"] != "none":
            self._encryption["ServerSideEncryption"] = values["encryption"]
        if values.get("kms_key_id"):
            self._encryption["SSEKMSKeyId"] = values["kms_key_id"]

    def read(self, folder: str, name: str) -> Found | None:
        key = self._key(folder, name)

        def call(client: Any) -> tuple[bytes, str]:
            answer = client.get_object(Bucket=self._bucket, Key=key)
            return answer["Body"].read(), answer["ETag"]

        answer = self._client.run("Reading", f"s3:GetObject on {key}", call, absent="NoSuchKey")
        if answer is None:
            return None
        body, tag = answer
        try:
            return Found(from_text(body.decode()), tag)
        except UnicodeDecodeError:
            raise damaged("What is stored cannot be read.") from None

    def create(self, folder: str, name: str, document: Document) -> bool:
        return self._write(folder, name, document, IfNoneMatch="*")

    def replace(self, folder: str, name: str, document: Document, revision: str) -> bool:
        return self._write(folder, name, document, IfMatch=revision)

    def remove(self, folder: str, name: str) -> None:
        key = self._key(folder, name)
        self._client.run(
            "Deleting",
            f"s3:DeleteObject on {key}",
            lambda client: client.delete_object(Bucket=self._bucket, Key=key),
        )
        # In a bucket with versions the deletion is a version itself, and the key is still there.
        self._delete_versions(key, keep_latest=False)

    def forget(self, folder: str, name: str) -> None:
        self._delete_versions(self._key(folder, name), keep_latest=True)

    def names(self, folder: str) -> Iterator[str]:
        start, token = self._key(folder), ""
        while True:
            page = self._client.run(
                "Listing",
                f"s3:ListBucket on {self._bucket}",
                partial(self._page, start, {"ContinuationToken": token} if token else {}),
            )
            for entry in page.get("Contents", ()) if page else ():
                if entry["Key"].endswith(_SUFFIX):
                    yield entry["Key"][len(start) : -len(_SUFFIX)]
            token = page.get("NextContinuationToken", "") if page else ""
            if not token:
                return

    def _write(self, folder: str, name: str, document: Document, **condition: str) -> bool:
        key = self._key(folder, name)
        done = self._client.run(
            "Writing",
            f"s3:PutObject on {key}",
            lambda client: client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=to_text(document).encode(),
                ContentType="application/json",
                **condition,
                **self._encryption,
            ),
            # NoSuchKey: what was to be replaced is gone.
            absent=f"{_OVERTAKEN} NoSuchKey",
        )
        return done is not None

    def _delete_versions(self, key: str, *, keep_latest: bool) -> None:
        answer = self._client.run(
            "Deleting",
            f"s3:ListBucketVersions on {self._bucket}",
            lambda client: client.list_object_versions(Bucket=self._bucket, Prefix=key),
            absent="NotImplemented MethodNotAllowed",
        )
        found = [*answer.get("Versions", ()), *answer.get("DeleteMarkers", ())] if answer else ()
        for version in found:
            number = version["VersionId"]
            if version["Key"] != key or number == "null" or (keep_latest and version["IsLatest"]):
                continue
            self._client.run(
                "Deleting",
                f"s3:DeleteObjectVersion on {key}",
                partial(self._delete_version, key, number),
            )

    def _page(self, start: str, token: Mapping[str, str], client: Any) -> Any:
        return client.list_objects_v2(
            Bucket=self._bucket, Prefix=start, Delimiter="/", MaxKeys=PAGE, **token
        )

    def _delete_version(self, key: str, number: str, client: Any) -> Any:
        return client.delete_object(Bucket=self._bucket, Key=key, VersionId=number)

    def _key(self, folder: str, name: str = "") -> str:
        """The key of a document; of "" what all keys of the folder begin with."""
        start = "/".join(filter(None, (self._prefix, folder)))
        return f"{start}/{name}{_SUFFIX}" if name else f"{start}/"


def _place(values: Mapping[str, str]) -> tuple[str, ...]:
    """A bucket of AWS is one place by whatever name of AWS's: each is the only one of its name in
    its partition, and may stand in the name of the host instead of the path.
    """
    endpoint, below = values.get("endpoint_url"), (values["bucket"], values["prefix"])
    if endpoint is None:
        return _partition(values["region"].lower()), joined(*below)
    own = _OWN.fullmatch(host_of(endpoint))
    if own is None:
        return (address_of(endpoint, *below),)
    bucket = _PRIVATE_LINK.sub("", own["bucket"] or "")
    return _partition(own.string), joined(bucket, path_of(endpoint), *below)


def _partition(text: str) -> str:
    """Of a region, or of a host that has one in its name."""
    if text.startswith("cn-") or text.endswith(".cn"):
        return "aws-cn"
    return "aws-us-gov" if "us-gov-" in text else "aws"


def build(values: Mapping[str, str], _places: OwnPlaces) -> Backend:
    aws.check(values)
    for name, pattern in (("bucket", _BUCKET), ("prefix", _PREFIX)):
        if not pattern.fullmatch(values[name]):
            raise InvalidRequest(
                "This is no name of a bucket or prefix.",
                code="storage.parameters",
                field=f"parameters.{name}",
            )
    client = aws.client("s3", values)
    return ShelfBackend(S3Shelf(client, values))


SPEC = BackendSpec(
    slug="s3",
    label="S3 or an object store with its API",
    help="It has to know conditional writes: AWS, MinIO, Ceph, Cloudflare R2 do.",
    build=build,
    parameters=(
        Parameter(name="bucket", label="Bucket"),
        Parameter(
            name="prefix",
            label="Prefix of the keys",
            default="certmate/certificates",
            required=False,
        ),
        *aws.PARAMETERS,
        Parameter(
            name="encryption",
            label="Encryption at the server",
            help="AWS encrypts in any case.",
            choices=("none", "AES256", "aws:kms"),
            default="none",
            required=False,
        ),
        Parameter(name="kms_key_id", label="KMS key", required=False),
    ),
    location=("endpoint_url", "bucket", "prefix"),
    place=_place,
    as_machine=aws.as_machine,
)
