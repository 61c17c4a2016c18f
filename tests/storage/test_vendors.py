"""What each of the other vendors has of its own: names, sizes, deletion, sign-in, permissions."""

import builtins
import sys
from collections.abc import Callable
from typing import Any

import pytest

from certmate.core.errors import (
    IntegrityFault,
    InvalidRequest,
    UpstreamRejected,
    UpstreamUnavailable,
)
from certmate.pki.bundle import Bundle
from storage.backends import key_vault
from storage.backends.base import Backend, BundleRef, OwnPlaces
from storage.backends.connections import CLIENTS
from storage.backends.key_vault import secret_name
from storage.backends.s3 import S3Shelf
from storage.backends.secrets_manager import SecretsManagerShelf
from tests.servers import moto_aws
from tests.servers.azure_kv import KeyVault
from tests.servers.infisical import Infisical
from tests.servers.moto_aws import AWS
from tests.storage import places
from tests.storage.bundles import issue, large

REF = BundleRef("server", "*.example.com")

Make = Callable[..., Backend]


@pytest.fixture
def make(request: pytest.FixtureRequest, own_places: OwnPlaces) -> Make:
    """Makes the backend of a case; the same place each time."""
    given: dict[str, dict[str, str]] = {}

    def build(case: str, **changed: str) -> Backend:
        if case not in given:
            given[case] = places.parameters(case, request)
        return places.build(case, given[case] | changed, own_places)

    return build


def stored(backend: Backend, *bundles: Bundle) -> Backend:
    for bundle in bundles:
        backend.put(REF, bundle)
    return backend


@pytest.mark.parametrize(
    ("case", "denied", "named"),
    [
        ("aws-secrets-manager", "CreateSecret", "secretsmanager:CreateSecret"),
        ("aws-secrets-manager", "ListSecrets", "secretsmanager:ListSecrets"),
        ("s3", "PUT", "s3:PutObject"),
        ("azure-key-vault", "set", "set on secrets"),
        ("azure-key-vault", "list", "list on secrets"),
        ("infisical", "POST", "create secrets in /certmate"),
    ],
)
def test_a_probe_names_the_permission_that_is_missing(
    make: Make, request: pytest.FixtureRequest, case: str, denied: str, named: str
) -> None:
    backend = make(case)
    backend.probe()
    fixture = {"azure-key-vault": "azure_server", "infisical": "infisical_server"}
    server = request.getfixturevalue(fixture.get(case, "aws_server"))
    server.denied.add(denied)
    with pytest.raises(UpstreamRejected) as caught:
        backend.probe()
    assert caught.value.code == "storage.forbidden"
    assert f"Missing permission: {named}" in caught.value.detail


def test_a_secret_that_somebody_is_having_deleted_is_taken_back(
    make: Make, aws_server: AWS
) -> None:
    bundle = issue()
    backend = stored(make("aws-secrets-manager", prefix="certmate/back"), bundle)
    name = "certmate/back/server/_wildcard.example.com"
    aws_server.client("secretsmanager").delete_secret(SecretId=name, RecoveryWindowInDays=7)
    assert backend.versions(REF) == []
    newer = issue()
    backend.put(REF, newer)
    assert backend.get(REF) == newer


def test_nothing_is_left_to_recover_at_aws(make: Make, aws_server: AWS) -> None:
    backend = stored(make("aws-secrets-manager", prefix="certmate/gone"), issue(), issue())
    backend.delete(REF)
    listed = aws_server.client("secretsmanager").list_secrets(
        IncludePlannedDeletion=True, Filters=[{"Key": "name", "Values": ["certmate/gone"]}]
    )
    assert listed["SecretList"] == []


def test_a_bundle_that_is_too_long_for_aws_is_split(make: Make) -> None:
    bundle = issue()
    long = Bundle(bundle.cert, bundle.chain * 150, bundle.privkey, {"note": "Zürich"})
    backend = stored(make("aws-secrets-manager"), long, issue())
    assert backend.get(REF, long.fingerprint) == long
    backend.delete(REF)
    assert backend.versions(REF) == []


def test_every_version_of_an_object_is_deleted(make: Make, aws_server: AWS) -> None:
    first, second = issue(), issue()
    backend = make("s3", bucket=moto_aws.VERSIONED_BUCKET, prefix="certmate/v")
    stored(backend, first, second)
    s3 = aws_server.client("s3")

    def left(kind: str) -> list[Any]:
        found = s3.list_object_versions(Bucket=moto_aws.VERSIONED_BUCKET, Prefix="certmate/v")
        return list(found.get(kind, []))

    backend.delete(REF, first.fingerprint)
    assert len(left("Versions")) == 1
    assert backend.get(REF) == second
    backend.delete(REF)
    assert left("Versions") == left("DeleteMarkers") == []


def test_an_object_is_encrypted_as_asked(make: Make, aws_server: AWS) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    backend = make("s3", prefix="certmate/kms", encryption="aws:kms", kms_key_id=key)
    stored(backend, issue())
    head = aws_server.client("s3").head_object(
        Bucket=moto_aws.BUCKET, Key="certmate/kms/server/_wildcard.example.com.json"
    )
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("server/www.example.com", "certmate-server-swww-dexample-dcom"),
        ("server/_wildcard.a-b.com", "certmate-server-s-uwildcard-da--b-dcom"),
    ],
)
def test_names_are_spelt_as_documented(path: str, name: str) -> None:
    assert secret_name("certmate", path) == name


def test_long_names_are_spelt_in_127_characters_and_differ() -> None:
    names = {secret_name("certmate", f"server/{'a.' * 90}{number}") for number in range(50)}
    assert len(names) == 50
    assert max(map(len, names)) <= key_vault.MAX_NAME


def test_a_deleted_secret_is_purged(make: Make, azure_server: KeyVault) -> None:
    backend = stored(make("azure-key-vault"), issue(), large())
    backend.delete(REF)
    assert azure_server.secrets == azure_server.deleted == {}


def test_where_nothing_can_be_purged_a_deleted_name_is_used_again(
    make: Make, azure_server: KeyVault
) -> None:
    azure_server.recovery_level = "Recoverable+ProtectedSubscription"
    bundle, newer = issue(), issue()
    backend = stored(make("azure-key-vault"), bundle)
    backend.delete(REF)
    assert backend.versions(REF) == []
    assert azure_server.deleted
    backend.put(REF, newer)
    assert backend.get(REF) == newer


def test_azure_signs_in_again_before_its_token_expires(make: Make, azure_server: KeyVault) -> None:
    azure_server.lifetime = 60
    CLIENTS._made.clear()
    backend = stored(make("azure-key-vault"), issue())
    azure_server.tokens.clear()
    assert list(backend.list()) == [REF]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"auth": "managed-identity"}, "vault_url"),
        ({"vault_url": "http://name.vault.azure.net"}, "vault_url"),
        ({"tenant_id": ""}, "tenant_id"),
        ({"prefix": "cert-mate"}, "prefix"),
    ],
)
def test_parameters_of_azure_that_make_no_sense_are_refused(
    make: Make, change: dict[str, str], field: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        make("azure-key-vault", **change)
    assert caught.value.field == f"parameters.{field}"


@pytest.mark.parametrize(
    "change",
    [
        {"secret_access_key": ""},
        {"use_ambient_credentials": "true"},
        {"profile": "ops"},
        {"access_key_id": "", "secret_access_key": ""},
    ],
)
def test_aws_has_one_way_to_sign_in(make: Make, change: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        make("aws-secrets-manager", **change)
    assert caught.value.field == "parameters.access_key_id"


def test_infisical_signs_in_again_when_its_token_has_expired(
    make: Make, infisical_server: Infisical
) -> None:
    backend = stored(make("infisical"), issue())
    logins = infisical_server.logins
    infisical_server.tokens.clear()
    assert list(backend.list()) == [REF]
    assert infisical_server.logins == logins + 1


def test_an_approval_policy_of_infisical_is_told(make: Make, infisical_server: Infisical) -> None:
    backend = stored(make("infisical"), issue())
    infisical_server.needs_approval = True
    with pytest.raises(UpstreamRejected) as caught:
        backend.put(REF, issue())
    assert "approval policy" in caught.value.detail


@pytest.mark.parametrize(
    ("case", "module"),
    [
        ("vault", "hvac"),
        ("s3", "boto3"),
        ("azure-key-vault", "azure.identity"),
        ("infisical", "infisical_sdk"),
    ],
)
def test_a_missing_sdk_says_what_to_install(
    make: Make, monkeypatch: pytest.MonkeyPatch, case: str, module: str
) -> None:
    backend = make(case)
    CLIENTS._made.clear()
    original = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == module or name.startswith(f"{module}."):
            raise ImportError(name)
        return original(name, *args, **kwargs)

    for name in [name for name in sys.modules if name == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UpstreamRejected) as caught:
        make(case).get(REF)
    assert caught.value.code == "storage.missing_sdk"
    assert "requirements/storage.txt" in caught.value.detail
    assert backend is not None


def test_what_is_stored_may_have_been_altered(make: Make, infisical_server: Infisical) -> None:
    backend, bundle = make("infisical"), issue()
    stored(backend, bundle)
    (place,) = [place for place in infisical_server.values if place[1].startswith("_wildcard")][-1:]
    for text in ("no JSON", "[]", '{"files": 1}', '{"files": {"cert.pem": "x"}}'):
        infisical_server.values[place] = text
        with pytest.raises(IntegrityFault) as caught:
            backend.get(REF)
        assert caught.value.code == "storage.damaged"
    newer = issue()
    backend.put(REF, newer)
    assert backend.get(REF) == newer


def test_a_place_that_is_gone_is_told(make: Make) -> None:
    for change in ({"bucket": "no-such-bucket"}, {"bucket": "no-such-bucket", "prefix": "x"}):
        with pytest.raises(UpstreamRejected) as caught:
            make("s3", **change).put(REF, issue())
        assert caught.value.code == "storage.rejected"


def test_writers_that_never_stop_are_told(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = stored(make("s3"), issue())
    monkeypatch.setattr(S3Shelf, "replace", lambda *_: False)
    with pytest.raises(UpstreamUnavailable):
        backend.put(REF, issue())


def test_what_a_listing_does_not_tell_of_yet_is_deleted_too(
    make: Make, aws_server: AWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ListSecrets lags behind by minutes."""
    prefix = "certmate/late"
    backend = make("aws-secrets-manager", prefix=prefix)
    long = large()
    long = Bundle(long.cert, long.chain * 20, long.privkey, long.metadata)
    with monkeypatch.context() as patch:
        patch.setattr(SecretsManagerShelf, "names", lambda *_: iter(()))
        stored(backend, issue(), long, issue())
        backend.probe()
        backend.delete(REF)
    listed = aws_server.client("secretsmanager").list_secrets(
        Filters=[{"Key": "name", "Values": [prefix]}]
    )
    assert listed["SecretList"] == []
