"""Lines of the ledger under four eyes: by their authority, and by what they are for."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType

from certmate.access.actors import Actor
from certmate.access.models import Approval, ApprovalState
from certmate.core.errors import InvalidRequest
from clients.models import ClientCertificate
from providers import services
from providers.models import Authority, LedgerEntry, Revocation
from tests.access.four_eyes import approve, decider, rule, state, waits
from tests.clients import world
from tests.providers.authority import making

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada() -> Actor:
    return Actor.of(User.objects.create_superuser("ada"))


def revoking(actor: Actor, entry: LedgerEntry, reason: str = "superseded") -> Callable[[], object]:
    return lambda: services.revoke_entry(actor=actor, entry=entry, reason=reason)


def held() -> LedgerEntry:
    """The line of a client certificate."""
    world.target(), world.authority()
    version = world.issue().current_version
    assert version is not None
    assert version.entry is not None
    return version.entry


def test_a_rule_about_the_authority_holds_at_its_ledger(ada: Actor) -> None:
    root = making.root()
    other = making.leaf(making.root("other")).entry
    signed = making.leaf(root).entry
    kind = ContentType.objects.get_for_model(Authority)
    rule("revoke", target_type=kind, target_pk=str(root.pk))
    revoking(ada, other)()
    request = waits(revoking(ada, signed))
    assert (request.operation, request.target_repr) == ("providers.revoke_entry", "root")
    assert request.arguments == {
        "authority": "root",
        "serial_number": signed.serial,
        "holder": "test/jane",
        "reason": "superseded",
        "invalidity_at": None,
    }
    approve(decider(), request)
    assert waits(revoking(ada, signed, "keyCompromise")).pk != request.pk
    revoking(ada, signed)()
    assert state(request) == ApprovalState.CARRIED_OUT
    assert Revocation.objects.get(entry=signed).reason == "superseded"


def test_a_rule_about_client_certificates_holds_at_the_ledger(ada: Actor) -> None:
    entry = held()
    rule("revoke", kind=ContentType.objects.get_for_model(ClientCertificate))
    request = waits(revoking(ada, entry))
    assert not Revocation.objects.exists()
    assert request.target_type.model == "clientcertificate"
    approve(decider(), request)
    revoking(ada, entry)()
    assert Revocation.objects.get().entry == entry


def test_rules_about_both_have_to_be_satisfied(ada: Actor) -> None:
    entry = held()
    anna = decider()
    for model in (Authority, ClientCertificate):
        rule("revoke", kind=ContentType.objects.get_for_model(model))
    first = waits(revoking(ada, entry))
    approve(anna, first)
    second = waits(revoking(ada, entry))
    assert second.pk != first.pk
    approve(anna, second)
    revoking(ada, entry)()
    assert {state(first), state(second)} == {ApprovalState.CARRIED_OUT}


def test_a_rule_about_everything_asks_once(ada: Actor) -> None:
    entry = held()
    rule("revoke")
    approve(decider(), waits(revoking(ada, entry)))
    revoking(ada, entry)()
    assert Approval.objects.count() == 1


def test_what_would_be_refused_is_not_asked_for(ada: Actor) -> None:
    signed = making.leaf(making.root()).entry
    rule("revoke")
    with pytest.raises(InvalidRequest):
        revoking(ada, signed, "because")()
    assert not Approval.objects.exists()
