"""The OpenID Connect provider of these tests, and CertMate configured for it."""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group
from pytest_django import Settings

from certmate.signin.configuration import OpenIDProvider
from tests.servers.oidc import OpenIDServer, openid_server
from tests.ui.conftest import visit

__all__ = ["provider", "running_provider", "visit"]


@pytest.fixture(scope="session")
def running_provider() -> Iterator[OpenIDServer]:
    with openid_server() as server:
        yield server


@pytest.fixture
def provider(running_provider: OpenIDServer, settings: Settings, db: None) -> OpenIDServer:
    """CertMate trusts it; its groups pki-admins, ops and root stand for roles of ours."""
    for name in ("keepers", "helpers", "others"):
        Group.objects.get_or_create(name=name)
    settings.CERTMATE_OIDC = OpenIDProvider(
        issuer=running_provider.issuer,
        client_id="certmate",
        client_secret="not a secret: any is taken",
        groups_claim="groups",
        roles=(("pki-admins", "keepers"), ("ops", "helpers")),
        name="Example SSO",
    )
    return running_provider
