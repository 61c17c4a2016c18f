"""AWS Secrets Manager, by boto3: one secret a document.

Its own versions are not used: at most twenty of them carry a label, and those without one are
deleted by AWS when it likes.
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
from storage.backends.failures import rejected
from storage.backends.shelf import Found, SameShape, ShelfBackend
from storage.backends.spelling import address_of, host_of

MAX_BYTES = 65_536
"""AWS: SecretString, length constraints of CreateSecret."""

_PREFIX = re.compile(r"[A-Za-z0-9_+=.@-]+(/[A-Za-z0-9_+=.@-]+)*")
_MAX_PREFIX = 128
_OWN = re.compile(
    r"(?:.+\.)?secretsmanager(?:-fips)?\.(?P<region>[a-z0-9-]+)\."
    r"(?:vpce\.)?(?:amazonaws\.com(\.cn)?|api\.aws)"
)
# The second: a secret of this name is being deleted, by somebody or since a moment ago.
_TAKEN = "ResourceExistsException InvalidRequestException"
_TAG = {"Key": "certmate", "Value": "bundle"}


class SecretsManagerShelf(SameShape):
    """Secrets whose names begin with a prefix. `*` is no character for them, nor is it in ours."""

    creates, replaces = True, False
    limit: int | None = MAX_BYTES
    # AWS: ListSecrets may not show what was written in the last five minutes.
    lists_at_once = False

    def __init__(self, client: aws.AWSClient, values: Mapping[str, str]) -> None:
        self._client, self._prefix = client, values["prefix"]
        key = values.get("kms_key_id")
        self._encryption = {"KmsKeyId": key} if key else {}

    def read(self, folder: str, name: str) -> Found | None:
        secret = self._name(folder, name)
        # InvalidRequest: somebody is having it deleted after a time of grace.
        answer = self._client.run(
            "Reading",
            f"secretsmanager:GetSecretValue on {secret} (and kms:Decrypt)",
            lambda client: client.get_secret_value(SecretId=secret, VersionStage="AWSCURRENT"),
            absent="ResourceNotFoundException InvalidRequestException",
        )
        return Found(from_text(answer.get("SecretString", ""))) if answer is not None else None

    def create(self, folder: str, name: str, document: Document) -> bool:
        secret = self._name(folder, name)
        needs = f"secretsmanager:CreateSecret and TagResource on {secret} (and kms:GenerateDataKey)"

        def call(client: Any) -> Any:
            return client.create_secret(
                Name=secret, SecretString=to_text(document), Tags=[_TAG], **self._encryption
            )

        done = self._client.run("Writing", needs, call, absent=_TAKEN)
        if done is None:
            self._restore(secret)
        return done is not None

    def replace(self, folder: str, name: str, document: Document, revision: str) -> bool:
        secret = self._name(folder, name)
        done = self._client.run(
            "Writing",
            f"secretsmanager:PutSecretValue on {secret} (and kms:GenerateDataKey)",
            lambda client: client.put_secret_value(SecretId=secret, SecretString=to_text(document)),
            absent="ResourceNotFoundException",
        )
        return done is not None

    def remove(self, folder: str, name: str) -> None:
        secret = self._name(folder, name)
        self._client.run(
            "Deleting",
            f"secretsmanager:DeleteSecret on {secret}",
            lambda client: client.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True),
            absent="ResourceNotFoundException",
        )

    def forget(self, folder: str, name: str) -> None:
        """AWS deletes no state alone; it drops the one before the last when it likes."""

    def names(self, folder: str) -> Iterator[str]:
        start = f"{self._name(folder)}/"
        token = ""
        while True:
            page = self._client.run(
                "Listing",
                "secretsmanager:ListSecrets",
                partial(_page, start, {"NextToken": token} if token else {}),
            )
            for secret in page["SecretList"] if page is not None else ():
                # The filter looks at the beginning, whatever comes after it.
                rest = str(secret["Name"]).removeprefix(start)
                if secret["Name"].startswith(start) and "/" not in rest:
                    yield rest
            token = page.get("NextToken", "") if page is not None else ""
            if not token:
                return

    def _restore(self, secret: str) -> None:
        """A secret that somebody is having deleted keeps its name: it is taken back and written
        over.
        """
        described = self._client.run(
            "Reading",
            f"secretsmanager:DescribeSecret on {secret}",
            lambda client: client.describe_secret(SecretId=secret),
            absent="ResourceNotFoundException",
        )
        if described is not None and described.get("DeletedDate"):
            self._client.run(
                "Writing",
                f"secretsmanager:RestoreSecret on {secret}",
                lambda client: client.restore_secret(SecretId=secret),
                absent="ResourceNotFoundException",
            )

    def _name(self, *parts: str) -> str:
        name = "/".join(filter(None, (self._prefix, *parts)))
        if len(name) > 512:
            raise rejected("Writing", "the name would be longer than AWS allows (512 characters)")
        return name


def _page(start: str, token: Mapping[str, str], client: Any) -> Any:
    filters = [{"Key": "name", "Values": [start]}]
    return client.list_secrets(Filters=filters, MaxResults=100, **token)


def _place(values: Mapping[str, str]) -> tuple[str, ...]:
    """AWS's own is the same place, whether its address is given or left out."""
    endpoint, region, prefix = values.get("endpoint_url"), values["region"], values["prefix"]
    own = _OWN.fullmatch(host_of(endpoint)) if endpoint else None
    if own is not None:
        return "aws", own["region"], prefix
    return address_of(endpoint) if endpoint else "aws", region.lower(), prefix


def build(values: Mapping[str, str], _places: OwnPlaces) -> Backend:
    aws.check(values)
    if not _PREFIX.fullmatch(values["prefix"]) or len(values["prefix"]) > _MAX_PREFIX:
        raise InvalidRequest(
            "The prefix has letters, digits, _ + = . @ - and slashes between them.",
            code="storage.parameters",
            field="parameters.prefix",
        )
    client = aws.client("secretsmanager", values)
    return ShelfBackend(SecretsManagerShelf(client, values))


SPEC = BackendSpec(
    slug="aws-secrets-manager",
    label="AWS Secrets Manager",
    help="One secret for each bundle, and one for each version that is not current.",
    build=build,
    parameters=(
        *aws.PARAMETERS,
        Parameter(
            name="prefix",
            label="Prefix of the names",
            default="certmate/certificates",
            required=False,
        ),
        Parameter(
            name="kms_key_id",
            label="KMS key",
            help="Empty: aws/secretsmanager.",
            required=False,
        ),
    ),
    location=("region", "endpoint_url", "prefix"),
    place=_place,
    as_machine=aws.as_machine,
)
