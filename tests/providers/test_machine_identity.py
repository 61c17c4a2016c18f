"""The machine's identity at a cloud is everybody's: a right in one team is none to it."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission

from certmate.access.models import Team
from providers.dns.catalogue import CATALOGUE
from providers.models import DNSAccount
from tests import factories
from tests.caller import Caller, problem
from tests.cast import Cast, confined

KEYS = {"access_key_id": "AKID", "secret_access_key": "secret"}
ROLE = {"use_ambient_credentials": "true"}
ZONE = {"subscription_id": "s", "resource_group": "g", "zone": "example.test"}
PRINCIPAL = {"tenant_id": "t", "client_id": "c", "client_secret": "secret"}
MACHINE: list[tuple[str, dict[str, str], dict[str, str]]] = [
    ("route53", KEYS, ROLE),
    ("google", {"service_account_key": '{"type": "service_account"}'}, ROLE),
    ("azure", ZONE | PRINCIPAL, ZONE | {"identity": "managed-identity"}),
    ("azure", ZONE | PRINCIPAL, ZONE | {"identity": "workload-identity", "client_id": "c"}),
]
PATH = "/api/dns-accounts"


@pytest.fixture
def member(cast: Cast) -> Caller:
    """Who may do everything with what belongs to the team, and nothing else."""
    confined(cast.outsider, "web", "view", "add", "change")
    return Caller(cast.outsider)


def owned(provider: str, credentials: dict[str, Any]) -> DNSAccount:
    """An account of the team's."""
    clean = CATALOGUE[provider].validate(credentials)
    team = Team.objects.get(name="web")
    return factories.dns_account(provider=provider, credentials=clean, zones=[], team=team)


def allow_all(cast: Cast) -> None:
    everywhere = Permission.objects.get(codename="change_dnsaccount")
    cast.outsider.user_permissions.add(everywhere)


def test_these_are_all_that_can_sign_in_as_the_machine() -> None:
    able = {slug for slug, entry in CATALOGUE.items() if entry.ambient}
    assert able == {slug for slug, _, _ in MACHINE}


@pytest.mark.parametrize(("provider", "secret", "machine"), MACHINE)
def test_a_team_makes_accounts_of_its_own_secrets_only(
    cast: Cast, member: Caller, provider: str, secret: dict[str, str], machine: dict[str, str]
) -> None:
    body = {"name": "mine", "provider": provider, "team": "web"}
    answer = member.post(PATH, **body, credentials=machine)
    problem(answer, 403, "access.denied")
    assert not DNSAccount.objects.exists()
    assert member.post(PATH, **body, credentials=secret).status_code == 201
    allow_all(cast)
    answer = member.post(PATH, **body | {"name": "other"}, credentials=machine)
    assert answer.status_code == 201, answer.content


@pytest.mark.parametrize(("provider", "secret", "machine"), MACHINE)
def test_no_change_puts_the_machine_in_the_place_of_the_secrets(
    cast: Cast, member: Caller, provider: str, secret: dict[str, str], machine: dict[str, str]
) -> None:
    stored = owned(provider, secret).credentials
    gone = dict.fromkeys(stored, "") | machine
    problem(member.patch(f"{PATH}/dns", credentials=gone), 403, "access.denied")
    assert DNSAccount.objects.get().credentials == stored
    allow_all(cast)
    assert member.patch(f"{PATH}/dns", credentials=gone).status_code == 200


@pytest.mark.parametrize(
    ("provider", "stored", "change"),
    [
        ("route53", ROLE, {"endpoint_url": "https://elsewhere.test"}),
        ("google", ROLE, {"project_id": "another"}),
        ("azure", ZONE | {"identity": "managed-identity"}, {"client_id": "another"}),
    ],
)
def test_an_account_with_the_machines_identity_is_not_led_elsewhere(
    cast: Cast, member: Caller, provider: str, stored: dict[str, str], change: dict[str, str]
) -> None:
    before = owned(provider, stored).credentials
    problem(member.patch(f"{PATH}/dns", credentials=before | change), 403, "access.denied")
    assert member.patch(f"{PATH}/dns", credentials=before).status_code == 200
    assert DNSAccount.objects.get().credentials == before
    allow_all(cast)
    answer = member.patch(f"{PATH}/dns", credentials=before | change)
    assert answer.status_code == 200, answer.content


def test_giving_the_machines_identity_up_needs_no_more_than_the_account(member: Caller) -> None:
    owned("route53", ROLE)
    answer = member.patch(f"{PATH}/dns", credentials=KEYS)
    assert answer.status_code == 200, answer.content
