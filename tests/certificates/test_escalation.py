"""A right to one thing is no right to another: each test is named after what must not happen."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from guardian.shortcuts import assign_perm

from certificates import services
from certificates.choices import OrderKind, OrderState
from certificates.models import Certificate, Order, Version
from certificates.services import CertificateRequest
from certmate.access.actors import Actor
from certmate.access.models import Team
from certmate.core.errors import AccessDenied, Conflict, InvalidRequest
from certmate.pki.bundle import Bundle
from providers import services as providers
from providers.models import CAAccount, DNSAccount
from storage import services as storage
from storage.models import StorageTarget
from tests import factories
from tests.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def certificate(cast: Cast) -> Certificate:
    factories.dns_account()
    made = factories.certificate("app.example.test")
    factories.version(made)
    for verb in ("view", "renew"):
        assign_perm(f"certificates.{verb}_certificate", cast.outsider, made)
    return made


def of(user: User) -> Actor:
    return Actor.of(User.objects.get(pk=user.pk))


def test_renewing_one_certificate_is_not_asking_for_other_names(
    cast: Cast, certificate: Certificate
) -> None:
    services.renew_certificate(actor=of(cast.outsider), certificate=certificate)
    Order.objects.all().delete()
    request = CertificateRequest(domain="*.example.test")
    with pytest.raises(AccessDenied):
        services.reissue_certificate(
            actor=of(cast.outsider), certificate=certificate, request=request
        )
    assert not Order.objects.exists()


def test_a_reissue_does_not_go_through_accounts_that_the_actor_may_not_use(
    cast: Cast, certificate: Certificate
) -> None:
    cast.outsider.user_permissions.add(Permission.objects.get(codename="add_certificate"))
    request = CertificateRequest(domain="*.example.test")
    with pytest.raises(InvalidRequest, match="account"):
        services.reissue_certificate(
            actor=of(cast.outsider), certificate=certificate, request=request
        )


@pytest.mark.parametrize("decide", [services.retry_order, services.cancel_order])
def test_whoever_may_renew_does_not_decide_about_a_revocation(
    cast: Cast, certificate: Certificate, decide: Callable[..., Any]
) -> None:
    order = factories.order(
        certificate,
        OrderKind.REVOKE,
        state=OrderState.WAITING,
        version=certificate.current_version,
        reason="keyCompromise",
    )
    with pytest.raises(AccessDenied):
        decide(actor=of(cast.outsider), order=order)
    order.refresh_from_db()
    assert order.state == OrderState.WAITING


def test_a_grant_on_ones_own_account_does_not_make_it_everybodys(cast: Cast) -> None:
    factories.ca_account("corp", is_default=True)
    factories.storage_target("safe", is_default=not StorageTarget.objects.exists())
    own_ca, own_dns = factories.ca_account("own"), factories.dns_account("own", zones=[])
    own_target = factories.storage_target("own-target")
    for model, own in (("caaccount", own_ca), ("dnsaccount", own_dns)):
        for verb in ("view", "change"):
            assign_perm(f"providers.{verb}_{model}", cast.outsider, own)
    for verb in ("view", "change"):
        assign_perm(f"storage.{verb}_storagetarget", cast.outsider, own_target)
    actor = of(cast.outsider)
    with pytest.raises(AccessDenied):
        providers.update_ca_account(actor=actor, account=own_ca, is_default=True)
    with pytest.raises(AccessDenied):
        providers.update_dns_account(actor=actor, account=own_dns, zones=["corp.example"])
    with pytest.raises(AccessDenied):
        storage.update_target(actor=actor, target=own_target, is_default=True)
    assert CAAccount.objects.get(is_default=True).name == "corp"
    assert DNSAccount.objects.get().zones == []
    assert StorageTarget.objects.get(is_default=True).name != "own-target"


def test_what_somebody_adds_to_his_team_does_not_become_everybodys(cast: Cast) -> None:
    StorageTarget.objects.all().delete()
    team = Team.objects.create(name="web")
    for verb in ("view_team", "add_under_team", "view_under_team"):
        assign_perm(f"access.{verb}", cast.outsider, team)
    mine: dict[str, Any] = {"actor": of(cast.outsider), "name": "own", "team": "web"}
    ca: dict[str, Any] = {"provider": "letsencrypt", "email": "o@example.test"}
    dns: dict[str, Any] = {"provider": "rfc2136", "credentials": factories.RFC2136}
    place: dict[str, Any] = {"backend": "database", "parameters": {}}
    for make in (
        lambda: providers.create_ca_account(**mine, **ca, is_default=True),
        lambda: providers.create_dns_account(**mine, **dns, is_default=True),
        lambda: providers.create_dns_account(**mine, **dns, zones=["corp.example"]),
        lambda: storage.create_target(**mine, **place, is_default=True),
    ):
        with pytest.raises(AccessDenied):
            make()
    providers.create_ca_account(**mine, **ca)
    providers.create_dns_account(**mine, **dns)
    storage.create_target(**mine, **place)


def test_a_private_key_does_not_leave_by_an_open_browser_alone(
    cast: Cast, certificate: Certificate
) -> None:
    browser = Client()
    browser.force_login(cast.owner)
    for path in ("download/privkey", "download?include_private=1"):
        answer = browser.get(f"/api/certificates/app.example.test/{path}")
        assert answer.status_code == 403
        assert answer.json()["code"] == "access.session"


def test_a_version_that_is_revoked_while_it_is_fetched_is_not_made_current(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.version(certificate, 2)

    def revoked_meanwhile(**_: Any) -> Bundle:
        Version.objects.filter(number=1).update(revoked_at=certificate.created_at)
        return Bundle(cert="", chain="", privkey=None)

    monkeypatch.setattr(storage, "load", revoked_meanwhile)
    monkeypatch.setattr(storage, "store", lambda **_: None)
    with pytest.raises(Conflict):
        services.activate_version(actor=Actor.system(), certificate=certificate, number=1)
    fresh = Certificate.objects.select_related("current_version").get(pk=certificate.pk)
    assert fresh.current_version
    assert fresh.current_version.number == 2
