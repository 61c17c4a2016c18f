"""Every kind of place that the contract is asked of, each test in one of its own."""

import secrets
from collections.abc import Callable

import pytest

from certmate.core.parameters import validate
from storage.backends.base import Backend, OwnPlaces
from storage.catalogue import CATALOGUE
from tests.servers.infisical import Infisical
from tests.servers.moto_aws import AWS, BUCKET

CASES = {
    "local": "local",
    "database": "database",
    "vault": "vault",
    "vault-kv1": "vault",
    "aws-secrets-manager": "aws-secrets-manager",
    "s3": "s3",
    "azure-key-vault": "azure-key-vault",
    "azure-key-vault-objects": "azure-key-vault",
    "infisical": "infisical",
}
"""A case by the slug of its backend: some have two ways to work."""

REMOTE = tuple(case for case in CASES if case not in ("local", "database"))


def parameters(case: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """What makes a target of this case; the server is started when it is first asked for."""
    if case not in REMOTE:
        return {}
    return _PARAMETERS[case](request, secrets.token_hex(6))


def build(case: str, given: dict[str, str], places: OwnPlaces) -> Backend:
    """The backend, from what a person would enter."""
    spec = CATALOGUE[CASES[case]]
    return spec.build(validate(spec.parameters, given, field="parameters"), places)


def _vault(request: pytest.FixtureRequest, own: str) -> dict[str, str]:
    world = request.getfixturevalue("vault_server")
    token = world.bao.token
    return {"url": world.bao.address, "token": token, "path": f"certmate/{own}"}


def _vault_kv1(request: pytest.FixtureRequest, own: str) -> dict[str, str]:
    return _vault(request, own) | {"mount": "one", "engine_version": "1"}


def _secrets_manager(request: pytest.FixtureRequest, own: str) -> dict[str, str]:
    server: AWS = request.getfixturevalue("aws_server")
    return server.parameters | {"prefix": f"certmate/{own}"}


def _s3(request: pytest.FixtureRequest, own: str) -> dict[str, str]:
    return _secrets_manager(request, own) | {"bucket": BUCKET}


def _key_vault(request: pytest.FixtureRequest, own: str) -> dict[str, str]:
    return dict(request.getfixturevalue("azure_server").parameters)


def _key_vault_objects(request: pytest.FixtureRequest, own: str) -> dict[str, str]:
    return _key_vault(request, own) | {"certificate_objects": "server"}


def _infisical(request: pytest.FixtureRequest, own: str) -> dict[str, str]:
    server: Infisical = request.getfixturevalue("infisical_server")
    return server.parameters | {"path": f"/certmate/{own}"}


_PARAMETERS: dict[str, Callable[[pytest.FixtureRequest, str], dict[str, str]]] = {
    "vault": _vault,
    "vault-kv1": _vault_kv1,
    "aws-secrets-manager": _secrets_manager,
    "s3": _s3,
    "azure-key-vault": _key_vault,
    "azure-key-vault-objects": _key_vault_objects,
    "infisical": _infisical,
}
