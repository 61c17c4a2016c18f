"""`?wait`: the answer comes when the order has come to something."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from certificates import execution
from certificates.api import waiting
from certificates.models import Certificate, Order, Version
from certmate.core.errors import UpstreamRejected, UpstreamUnavailable
from tests import factories, issuing
from tests.caller import Caller, problem
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)

NAME = "www.example.test"
PATH = f"/api/certificates/{NAME}"


@dataclass
class Worker:
    """Carries out what is enqueued in threads, as worker processes do."""

    threads: list[threading.Thread] = field(default_factory=list)

    def enqueue(self, name: str, order_id: int) -> None:
        assert name == "certificates.run_order"
        thread = threading.Thread(target=self._run, args=(order_id,))
        self.threads.append(thread)
        thread.start()

    def _run(self, order_id: int) -> None:
        try:
            execution.run_order(order_id)
        finally:
            connection.close()


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    made = Worker()
    monkeypatch.setattr("certmate.core.jobs.enqueue", made.enqueue)
    monkeypatch.setattr("providers.issuers.issue", issuing.issue)
    monkeypatch.setattr("providers.issuers.revoke", lambda **_: None)
    monkeypatch.setattr(waiting, "STEP_SECONDS", 0.02)
    yield made
    for thread in made.threads:
        thread.join()


@pytest.fixture
def owner(cast: Cast) -> Caller:
    factories.ca_account("ca")
    factories.dns_account("dns")
    factories.storage_target("vault")
    return Caller(cast.owner)


def create(caller: Caller, wait: int = 30) -> Any:
    return caller.post(
        f"/api/certificates?wait={wait}", domain=NAME, ca="ca", dns="dns", storage="vault"
    )


@pytest.mark.usefixtures("worker")
def test_success_answers_with_the_issued_certificate(owner: Caller) -> None:
    answer = create(owner)
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert (made["exists"], made["state"], made["days_left"]) == (True, "active", 89)
    assert made["order"]["state"] == "succeeded"
    assert answer["Location"].endswith(PATH)
    assert made["metadata"]["serial_number"] == made["serial_number"]


@pytest.mark.usefixtures("worker")
def test_renewal_reissue_revocation_and_activation_can_be_waited_for(owner: Caller) -> None:
    assert create(owner).status_code == 201
    renewed = owner.post(f"{PATH}/renew?wait=30")
    assert (renewed.status_code, renewed.json()["current_version"]) == (200, 2)
    reissued = owner.post(f"{PATH}/reissue?wait=30", san_domains=["api.example.test"])
    assert (reissued.status_code, reissued.json()["san_domains"]) == (200, ["api.example.test"])
    assert owner.post(f"{PATH}/versions/1/activate").json()["current_version"] == 1
    revoked = owner.post(f"{PATH}/revoke?wait=30", reason="superseded")
    assert (revoked.status_code, revoked.json()["state"]) == (200, "revoked")
    assert Version.objects.get(number=1).revocation_reason == "superseded"


@pytest.mark.usefixtures("worker")
def test_a_refusal_is_the_answer(owner: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> None:
        raise UpstreamRejected("CAA forbids.", code="acme.caa", identifiers={NAME: "CAA says no"})

    monkeypatch.setattr("providers.issuers.issue", refuse)
    document = problem(create(owner), 422, "acme.caa")
    assert document["detail"] == "CAA forbids."
    assert document["identifiers"] == {NAME: "CAA says no"}
    assert "CAA" in document["remedy"]
    order = owner.get(document["order"]).json()
    assert (order["state"], order["error_code"], order["message"]) == (
        "failed",
        "acme.caa",
        "CAA forbids.",
    )
    assert order["remedy"] == document["remedy"]


@pytest.mark.usefixtures("worker")
def test_an_attempt_that_will_be_repeated_says_when(
    owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def later(**_: Any) -> None:
        raise UpstreamUnavailable(
            "Slow down.", code="acme.rate_limited", retry_after=timedelta(hours=2)
        )

    monkeypatch.setattr("providers.issuers.issue", later)
    answer = create(owner)
    document = problem(answer, 503, "acme.rate_limited")
    assert 7100 < int(answer["Retry-After"]) <= 7200
    assert document["retry_after"] == int(answer["Retry-After"])
    order = owner.get(document["order"]).json()
    assert (order["state"], order["attempts"]) == ("waiting", 1)
    assert order["next_attempt_at"].endswith("Z")


@pytest.mark.usefixtures("worker")
def test_a_fault_of_certmate_is_told_without_detail(
    owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError("canary")

    monkeypatch.setattr("providers.issuers.issue", fail)
    answer = create(owner)
    problem(answer, 500, "internal")
    assert "canary" not in answer.content.decode()


def test_without_a_worker_the_wait_ends_with_the_open_order(
    owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(waiting, "sleep", waited.append)
    answer = create(owner, wait=2)
    assert answer.status_code == 202
    assert answer.json()["order"]["state"] == "queued"
    assert sum(waited) == 2


def test_a_cancelled_order_ends_the_wait(owner: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def cancel(_: float) -> None:
        order = Order.objects.get()
        assert owner.post(f"/api/orders/{order.pk}/cancel").json()["state"] == "cancelled"

    monkeypatch.setattr(waiting, "sleep", cancel)
    problem(create(owner), 409, "order.cancelled")


def test_no_transaction_is_open_while_a_caller_waits(
    owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, bool]] = []

    def look(_: float) -> None:
        seen.append((connection.in_atomic_block, Certificate.objects.exists()))

    monkeypatch.setattr(waiting, "sleep", look)
    create(owner, wait=1)
    assert set(seen) == {(False, True)}
