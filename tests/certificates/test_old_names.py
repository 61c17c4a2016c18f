"""A version may have other names than its certificate has now, and a token is for names."""

import pytest

from certificates import execution, services
from certificates.models import Certificate
from certificates.services import CertificateRequest
from certmate.access.actors import Actor
from certmate.access.models import ApiToken
from storage.models import StorageTarget
from tests import factories
from tests.caller import Caller, problem
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)
SYSTEM = Actor.system()
PATH = "/api/certificates/shared"


@pytest.fixture
def moved(cast: Cast) -> Certificate:
    """Once for prod.example.com, now for another name."""
    StorageTarget.objects.update(is_default=False)
    factories.storage_target("rows", backend="database", parameters={}, is_default=True)
    factories.authority("internal", is_default=True)
    request = CertificateRequest(domain="prod.example.com", authority="internal")
    certificate, order = services.create_certificate(actor=SYSTEM, request=request, name="shared")
    execution.run_order(order.pk)
    certificate = Certificate.objects.get(pk=certificate.pk)
    elsewhere = CertificateRequest(domain="a.dev.example.com")
    order = services.reissue_certificate(actor=SYSTEM, certificate=certificate, request=elsewhere)
    execution.run_order(order.pk)
    return Certificate.objects.get(pk=certificate.pk)


def test_a_token_does_nothing_with_a_version_of_other_names(moved: Certificate, cast: Cast) -> None:
    token = Caller(cast.owner)
    ApiToken.objects.update(name_patterns=["*.dev.example.com"])
    problem(token.post(f"{PATH}/versions/1/activate"), 403, "access.names")
    problem(token.post(f"{PATH}/revoke", version=1), 403, "access.names")
    assert token.get(f"{PATH}/download?format=json&include_private=1").status_code == 200

    services.activate_version(actor=SYSTEM, certificate=moved, number=1)
    problem(token.get(f"{PATH}/download?format=json&include_private=1"), 403, "access.names")
    problem(token.get(f"{PATH}/download"), 403, "access.names")
