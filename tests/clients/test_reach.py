"""What a batch or a change of its holder may not be used for, and what ends work that was begun."""

import pytest
from django.contrib.auth.models import Permission, User
from guardian.shortcuts import assign_perm, remove_perm

from certificates import execution
from certificates.models import Order
from certmate.access.actors import Actor
from certmate.access.models import ApiToken, Team
from certmate.access.services import approvals
from clients import batching, services
from clients.models import ClientCertificate
from clients.services import ClientWish
from providers.models import Authority
from tests import factories
from tests.caller import Caller, problem
from tests.cast import confined
from tests.clients.conftest import Crew

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("authority")]
SYSTEM = Actor.system()
BATCHES = "/api/client-certificates/batch"


def limited_to(team: Team, owner: User) -> Caller:
    caller = Caller(owner)
    ApiToken.objects.latest("pk").teams.set([team])
    return caller


@pytest.fixture
def chief() -> None:
    services.create_identity(actor=SYSTEM, name="chief", kind="person", subject={"O": "Example"})


def rule_about_the_chief(verb: str) -> None:
    approvals.create_rule(
        actor=SYSTEM,
        name="chief",
        verb=verb,
        role="approver",
        target_kind="clients.identity",
        target="chief",
    )


@pytest.mark.usefixtures("chief")
def test_a_rule_about_a_holder_counts_in_a_batch(crew: Crew) -> None:
    rule_about_the_chief("add")
    operator = Caller(crew.operator)
    row = {"common_name": "Chief", "identity": "chief"}
    assert operator.post("/api/client-certificates", **row).status_code == 202
    answer = operator.post(BATCHES, rows=[{"common_name": "x"}, row])
    assert problem(answer, 400, "batch.invalid")["errors"].keys() == {"rows[2].identity"}
    assert not ClientCertificate.objects.exists()


@pytest.mark.usefixtures("chief")
def test_who_takes_the_holder_off_has_to_administer(crew: Crew) -> None:
    wish = ClientWish(common_name="chief", identifier="chief-1", identity="chief")
    services.request_client_certificate(actor=SYSTEM, wish=wish)
    rule_about_the_chief("export_key")
    for verb in ("view", "change", "export_key", "download"):
        right = Permission.objects.get(codename=f"{verb}_clientcertificate")
        crew.outsider.user_permissions.add(right)
    caller = Caller(crew.outsider)
    path = "/api/client-certificates/chief-1"
    problem(caller.patch(path, identity=""), 403, "access.denied")
    assert caller.patch(path, notes="hers").status_code == 200
    answer = caller.get(f"{path}/download?format=json&include_private=1")
    assert answer.status_code == 403


def test_the_key_of_a_row_tells_a_token_nothing_beyond_its_limits(crew: Crew) -> None:
    first, second = Team.objects.create(name="first"), Team.objects.create(name="second")
    row = {"common_name": "Payroll", "identifier": "payroll-secret", "key": "row-1"}
    made = limited_to(second, crew.owner).post(BATCHES, team="second", rows=[row])
    batching.run_batch(made.json()["id"])
    narrow = limited_to(first, crew.owner)
    answer = narrow.post(BATCHES, team="first", rows=[{"common_name": "x", "key": "row-1"}])
    assert problem(answer, 400, "batch.invalid")["errors"].keys() == {"rows[1].key"}
    assert b"payroll-secret" not in answer.content


def test_a_batch_ends_where_its_profile_wants_approval_since(crew: Crew) -> None:
    caller = Caller(crew.operator)
    made = caller.post(BATCHES, profile="client", rows=[{"common_name": "x"}]).json()
    factories.profile_of("client", needs_approval=True)
    batching.run_batch(made["id"])
    batch = caller.get(f"{BATCHES}/{made['id']}").json()
    assert (batch["state"], batch["error_code"]) == ("failed", "batch.needs_approval")
    assert not ClientCertificate.objects.exists()


def test_nothing_goes_on_at_an_authority_that_is_hidden_since(
    crew: Crew, authority: Authority
) -> None:
    asker = crew.outsider
    confined(asker, "theirs", "view", "add")
    assign_perm("providers.view_authority", asker, authority)
    asker.user_permissions.add(Permission.objects.get(codename="view_profile"))
    caller = Caller(User.objects.get(pk=asker.pk))
    asked = {"authority": authority.name, "team": "theirs"}
    assert caller.post("/api/certificates", domain="a.example.com", **asked).status_code == 202
    batch = caller.post(BATCHES, rows=[{"common_name": "x"}], **asked).json()
    remove_perm("providers.view_authority", asker, authority)

    execution.run_order(Order.objects.get().pk)
    batching.run_batch(batch["id"])
    order = Order.objects.get()
    assert (order.state, order.error_code) == ("failed", "access.withdrawn")
    assert not ClientCertificate.objects.exists()
