"""What is in use is not deleted, and that costs no more with a million uses than with one."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from certmate.core.errors import Conflict
from providers import services
from providers.models import CAAccount, Profile
from tests import factories
from tests.clients import world
from tests.providers.authority import making
from tests.providers.authority.making import SYSTEM

pytestmark = pytest.mark.django_db


def refused(call: Callable[[], object], *tables: str) -> str:
    """The code, with which nothing was loaded from these tables."""
    with CaptureQueriesContext(connection) as asked, pytest.raises(Conflict) as error:
        call()
    about = [
        one["sql"] for one in asked if any(f'FROM "{table}"' in one["sql"] for table in tables)
    ]
    assert about
    assert all(sql.startswith("SELECT 1") and "LIMIT 1" in sql for sql in about), about
    return error.value.code


def test_an_authority_that_has_signed() -> None:
    root = making.root()
    making.leaf(root)
    code = refused(
        lambda: services.delete_authority(actor=SYSTEM, authority=root), "providers_ledgerentry"
    )
    assert code == "authority.in_use"


def test_a_profile_by_which_something_is_renewed() -> None:
    world.target(), world.authority()
    world.issue()
    profile = Profile.objects.get(name="client")
    code = refused(
        lambda: services.delete_profile(actor=SYSTEM, profile=profile),
        "clients_clientcertificate",
    )
    assert code == "profile.in_use"


def test_an_account_that_has_issued() -> None:
    version = factories.version(factories.certificate("www.example.test"))
    account = version.issued_by
    assert isinstance(account, CAAccount)
    code = refused(
        lambda: services.delete_ca_account(actor=SYSTEM, account=account),
        "certificates_version",
        "certificates_certificate",
    )
    assert code == "account.in_use"
