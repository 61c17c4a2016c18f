"""What beat does for client certificates: renew, tell, and nothing twice."""

from datetime import timedelta

import pytest
from auditlog.models import LogEntry

from certmate.core import clock
from certmate.core.errors import UpstreamUnavailable
from certmate.pki.alt_names import AltNames
from certmate.pki.keys import KeyType, generate
from certmate.pki.requests import build_request
from clients import services, sweeps
from clients.models import ClientCertificate, ClientVersion
from clients.services import making
from providers.models import Authority
from tests.clients import world
from tests.clients.world import SYSTEM, issue

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _company() -> None:
    world.target()
    world.authority()


def make_due(certificate: ClientCertificate) -> None:
    rows = ClientCertificate.objects.filter(pk=certificate.pk)
    rows.update(renew_at=clock.now() - timedelta(minutes=1))


def notices() -> int:
    event = "client_certificate.renewal_needs_action"
    return len(LogEntry.objects.filter(additional_data__event=event))


def test_what_is_due_gets_a_new_version_with_a_new_key() -> None:
    made = issue()
    make_due(made)
    assert sweeps.renew_due() == 1
    assert sweeps.renew_due() == 0, "it is not due any more"
    first, second = ClientVersion.objects.order_by("number")
    assert first.public_key_hash != second.public_key_hash
    made.refresh_from_db()
    assert (made.current_version, made.renew_at is not None) == (second, True)


def test_a_holder_with_the_key_is_told_once() -> None:
    request = build_request(generate(KeyType.EC256), {"CN": "far"}, AltNames())
    made = issue("", csr=request)
    make_due(made)
    assert sweeps.renew_due() == 1
    assert sweeps.renew_due() == 0
    made.refresh_from_db()
    assert made.notice_at is not None
    assert "CSR" in made.renewal_error
    assert notices() == 1
    assert ClientVersion.objects.count() == 1


def test_a_new_csr_of_the_holder_ends_the_notice() -> None:
    made = issue("", csr=build_request(generate(KeyType.EC256), {"CN": "far"}, AltNames()))
    make_due(made)
    sweeps.renew_due()
    made.refresh_from_db()
    another = build_request(generate(KeyType.EC256), {"CN": "far"}, AltNames())
    services.renew_client_certificate(actor=SYSTEM, certificate=made, csr=another)
    made.refresh_from_db()
    assert (made.notice_at, made.renewal_error) == (None, "")


def test_what_can_pass_is_tried_again_and_what_cannot_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = issue()
    make_due(made)

    def away(*_: object, **__: object) -> None:
        raise UpstreamUnavailable("The token is away.", code="authority.token_unavailable")

    with monkeypatch.context() as patched:
        patched.setattr(making, "make", away)
        sweeps.renew_due()
    made.refresh_from_db()
    assert (made.notice_at, made.renewal_error[:27]) == (None, "authority.token_unavailable")
    Authority.objects.filter(name="issuing").update(disabled_at=clock.now())
    ClientCertificate.objects.update(retry_at=None)
    sweeps.renew_due()
    made.refresh_from_db()
    assert made.notice_at is not None
    assert made.renewal_error.startswith("authority.disabled")


def test_one_that_fails_stops_no_other() -> None:
    world.authority("other")
    bad, good = issue("bad", authority="other"), issue("good")
    Authority.objects.filter(name="other").update(disabled_at=clock.now())
    for made in (bad, good):
        make_due(made)
    assert sweeps.renew_due() == 2
    assert good.versions.count() == 2
    assert bad.versions.count() == 1


def test_neither_revoked_nor_held_nor_switched_off_is_renewed() -> None:
    revoked, held, off = issue("revoked"), issue("held"), issue("off", auto_renew=False)
    services.revoke_client_certificate(actor=SYSTEM, certificate=revoked)
    services.revoke_client_certificate(actor=SYSTEM, certificate=held, reason="certificateHold")
    far = clock.now() + timedelta(days=4000)
    assert not ClientCertificate.objects.due(far).exists()
    assert off.renew_at is None


def test_the_sweep_costs_one_query_when_nothing_is_due(
    django_assert_num_queries: pytest.FixtureRequest,
) -> None:
    issue()
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert sweeps.renew_due() == 0
