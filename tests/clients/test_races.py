"""What somebody does to a certificate between its signature and its keeping is not undone."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from guardian.shortcuts import assign_perm

from certmate.access.actors import Actor
from certmate.access.services import create_team
from certmate.core import clock
from certmate.core.errors import AccessDenied, Conflict
from clients import services, sweeps
from clients.models import ClientCertificate, ClientVersion, Enrolment
from clients.services.ours import profile_of
from providers import issuers
from providers.models import LedgerEntry, Profile, Revocation
from tests import factories_clients
from tests.clients import world
from tests.clients.world import SYSTEM, issue

pytestmark = pytest.mark.django_db

Change = Callable[[ClientCertificate], object]


@pytest.fixture(autouse=True)
def _company() -> None:
    world.target()
    world.authority()
    create_team(actor=SYSTEM, name="blue")


def stored(certificate: ClientCertificate) -> ClientCertificate:
    return ClientCertificate.objects.select_related("current_version", "team").get(
        pk=certificate.pk
    )


def meanwhile(
    monkeypatch: pytest.MonkeyPatch, certificate: ClientCertificate, change: Change
) -> None:
    """Change the certificate once, right after the next signature."""
    sign, changes = issuers.sign_drafted, iter([change])

    def signed(*args: Any, **kwargs: Any) -> Any:
        done = sign(*args, **kwargs)
        for one in changes:
            one(stored(certificate))
        return done

    monkeypatch.setattr(issuers, "sign_drafted", signed)


def revoke(certificate: ClientCertificate, reason: str = "keyCompromise") -> None:
    services.revoke_client_certificate(actor=SYSTEM, certificate=certificate, reason=reason)


def hold(certificate: ClientCertificate) -> None:
    revoke(certificate, "certificateHold")


def delete(certificate: ClientCertificate) -> None:
    services.delete_client_certificate(actor=SYSTEM, certificate=certificate, force=True)


@pytest.mark.parametrize(("change", "state"), [(revoke, "revoked"), (hold, "held"), (delete, None)])
def test_a_renewal_gives_way(
    change: Change, state: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = issue()
    meanwhile(monkeypatch, made, change)
    with pytest.raises(Conflict) as refused:
        services.renew_client_certificate(actor=SYSTEM, certificate=stored(made))
    assert refused.value.code == "client.changed"
    found = ClientCertificate.objects.filter(pk=made.pk).values_list("state", flat=True)
    assert list(found) == ([] if state is None else [state])
    assert ClientVersion.objects.count() == len(found)
    newest = LedgerEntry.objects.filter(kind="leaf").latest("pk")
    assert Revocation.objects.filter(entry=newest).exists(), "what nobody got is revoked"


def test_what_is_wanted_meanwhile_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    made = issue()

    def move(certificate: ClientCertificate) -> None:
        wanted: dict[str, Any] = {"team": "blue", "auto_renew": False, "notes": "n"}
        services.update_client_certificate(actor=SYSTEM, certificate=certificate, **wanted)

    meanwhile(monkeypatch, made, move)
    services.renew_client_certificate(actor=SYSTEM, certificate=stored(made))
    found = stored(made)
    assert (str(found.team), found.auto_renew, found.notes) == ("blue", False, "n")
    assert found.current_version is not None
    assert (found.current_version.number, found.renew_at) == (2, None)


def test_a_sweep_that_is_overtaken_owes_nothing_to_a_person(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = issue()
    due = clock.now() - timedelta(minutes=1)
    ClientCertificate.objects.filter(pk=made.pk).update(renew_at=due)
    renew = services.renew_client_certificate
    meanwhile(monkeypatch, made, lambda one: renew(actor=SYSTEM, certificate=one))
    sweeps.renew_due()
    found = stored(made)
    assert found.current_version is not None
    assert (found.current_version.number, found.notice_at, found.renewal_error) == (2, None, "")
    assert found.renew_at is not None


def test_approval_does_not_revive_what_was_revoked_meanwhile() -> None:
    made, enrolment = waiting_renewal(supersede=False)
    revoke(stored(made), "affiliationChanged")
    boss = Actor.of(User.objects.create_superuser("boss"))
    with pytest.raises(Conflict) as refused:
        services.approve_enrolment(actor=boss, enrolment=enrolment)
    assert refused.value.code == "client.revoked"
    assert (stored(made).state, made.versions.count()) == ("revoked", 1)


def test_superseding_takes_the_right_to_revoke() -> None:
    made, user = issue(), User.objects.create_user("renewer")
    for verb in ("view", "renew"):
        assign_perm(f"clients.{verb}_clientcertificate", user, made)
    actor = Actor.of(User.objects.get(pk=user.pk))
    with pytest.raises(AccessDenied):
        services.renew_client_certificate(actor=actor, certificate=stored(made), supersede=True)
    assert not Revocation.objects.exists()
    services.renew_client_certificate(actor=actor, certificate=stored(made))
    assert stored(made).versions.count() == 2


def test_whoever_lost_the_right_to_revoke_supersedes_nothing() -> None:
    made, enrolment = waiting_renewal(supersede=True)
    User.objects.filter(username="asks").update(is_superuser=False)
    for verb in ("view", "renew"):
        assign_perm(f"clients.{verb}_clientcertificate", User.objects.get(username="asks"), made)
    boss = Actor.of(User.objects.create_superuser("boss"))
    with pytest.raises(AccessDenied):
        services.approve_enrolment(actor=boss, enrolment=Enrolment.objects.get(pk=enrolment.pk))
    assert made.versions.count() == 1


def waiting_renewal(*, supersede: bool) -> tuple[ClientCertificate, Enrolment]:
    made = issue(csr=factories_clients.csr(factories_clients.key(), "device-001"))
    Profile.objects.filter(pk=profile_of(made).pk).update(needs_approval=True)
    asks = Actor.of(User.objects.create_superuser("asks"))
    _, enrolment = services.renew_client_certificate(
        actor=asks,
        certificate=stored(made),
        csr=factories_clients.csr(factories_clients.key(), "device-001"),
        supersede=supersede,
    )
    assert enrolment is not None
    return made, enrolment
