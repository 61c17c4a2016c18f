"""What was approved is what is issued, and no key leaves round a rule."""

import io
import zipfile
from typing import Any

import pytest
from auditlog.models import LogEntry
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AttributeOID, NameOID
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection, models
from django.test.utils import CaptureQueriesContext

from certmate.access.actors import Actor
from certmate.access.models import Approval, ApprovalRule
from certmate.access.services import create_team
from certmate.access.services.approvals import ApprovalNeeded
from certmate.access.services.approvals.carrying import carry_out
from certmate.core.errors import Conflict, InvalidRequest
from clients import batching, services
from clients.models import Batch, ClientCertificate
from clients.services import ClientWish
from clients.services.rows import from_json
from providers.models import LedgerEntry
from tests import factories_clients
from tests.access.four_eyes import approve, decider, rule, waits
from tests.clients import world
from tests.clients.world import SYSTEM

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = b"S3cretChallenge"


@pytest.fixture
def boss() -> Actor:
    world.target()
    world.authority()
    return Actor.of(User.objects.create_superuser("boss"))


def create(actor: Actor, *rows: dict[str, Any], **frame: Any) -> Batch:
    wish = ClientWish(**({"authority": "issuing", "profile": "device"} | frame))
    return services.create_batch(actor=actor, frame_wish=wish, rows=from_json(list(rows)))


def ticket(actor: Actor, *rows: dict[str, Any], **frame: Any) -> Approval:
    """An approved batch."""
    rule("add")
    return approve(decider(), waits(lambda: create(actor, *rows, **frame)))


def subjects() -> list[str]:
    return list(LedgerEntry.objects.filter(kind="leaf").values_list("subject", flat=True))


ROW = {"common_name": "dev", "identifier": "harmless", "key": "k1"}


@pytest.mark.parametrize(
    ("row", "frame"),
    [
        ({"identifier": "admin-ceo"}, {}),
        ({"identifier": ""}, {}),
        ({"key": "k2"}, {}),
        ({}, {"auto_renew": False}),
        ({}, {"tags": ("vip",)}),
    ],
)
def test_an_approved_batch_is_that_batch(
    boss: Actor, row: dict[str, Any], frame: dict[str, Any]
) -> None:
    ticket(boss, ROW)
    with pytest.raises(ApprovalNeeded):
        create(boss, ROW | row, **frame)
    assert not Batch.objects.exists()
    assert create(boss, ROW).total == 1


def test_who_approves_a_batch_reads_how_it_is_kept(boss: Actor) -> None:
    params = ticket(boss, ROW, auto_renew=False, tags=("vip",)).arguments
    assert (params["auto_renew"], params["tags"]) == (False, ["vip"])


def test_an_approved_batch_stays_approved_when_a_derived_identifier_is_taken(boss: Actor) -> None:
    world.issue("dev")
    ticket(boss, {"common_name": "dev"})
    # Its end is by chance, another one with each call.
    assert create(boss, {"common_name": "dev"}).total == 1


def test_rows_of_a_holder_are_bound_to_who_that_is(boss: Actor) -> None:
    holder = factories_clients.identity("jane", subject={"CN": "jane"})
    ticket(boss, {"identity": "jane", "identifier": "x1"})
    services.update_identity(actor=boss, identity=holder, subject={"CN": "ceo"})
    with pytest.raises(ApprovalNeeded):
        create(boss, {"identity": "jane", "identifier": "x1"})


def asked(actor: Actor, **wish: Any) -> Approval:
    """A request for one certificate that waits."""
    given = ClientWish(**({"authority": "issuing"} | wish))
    return waits(lambda: services.request_client_certificate(actor=actor, wish=given))


def test_a_holder_who_changes_is_not_who_was_approved(boss: Actor) -> None:
    holder = factories_clients.identity("jane", subject={"CN": "jane"})
    rule("add")
    approval = asked(boss, identity="jane", identifier="x1", subject={"OU": "u"})
    assert approval.arguments["resolved"]["subject"] == {"CN": "jane", "OU": "u"}
    services.update_identity(actor=boss, identity=holder, subject={"CN": "ceo", "O": "Board"})
    approve(decider(), approval)
    carry_out(approval.pk)
    approval.refresh_from_db()
    assert (approval.state, approval.error_code) == ("failed", "approval.changed")
    assert subjects() == []


def test_a_holder_who_stays_is_issued(boss: Actor) -> None:
    factories_clients.identity("jane", subject={"CN": "jane"})
    rule("add")
    approval = asked(boss, identity="jane", identifier="x1")
    approve(decider(), approval)
    carry_out(approval.pk)
    approval.refresh_from_db()
    assert (approval.state, subjects()) == ("carried_out", ["CN=jane"])


def test_who_approves_reads_the_names_of_a_csr_and_what_is_default(boss: Actor) -> None:
    rule("add")
    approval = asked(boss, csr=signing_request("jane", san="jane.example.test"))
    assert approval.arguments["resolved"] == {
        "subject": {"CN": "jane"},
        "san": {"dns": ["jane.example.test"]},
        "authority": "issuing",
        "profile": "client",
        "storage": world.STORE,
        "team": "",
    }


def signing_request(common_name: str, *, password: bytes = b"", san: str = "") -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    if san:
        names = x509.SubjectAlternativeName([x509.DNSName(san)])
        builder = builder.add_extension(names, critical=False)
    if password:
        builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, password)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def test_no_challenge_password_is_shown_to_who_approves(boss: Actor) -> None:
    rule("add")
    csr = signing_request("jane", password=PASSWORD)
    wish = ClientWish(csr=csr, authority="issuing")
    with pytest.raises(InvalidRequest) as refused:
        services.request_client_certificate(actor=boss, wish=wish)
    assert (refused.value.code, refused.value.field) == ("csr.malformed", "csr")
    assert not Approval.objects.exists()
    assert not LogEntry.objects.filter(additional_data__event="approval.requested").exists()


def test_nor_is_that_of_a_renewal(boss: Actor) -> None:
    made = world.issue("", csr=signing_request("jane"))
    rule("renew")
    csr = signing_request("jane", password=PASSWORD)
    with pytest.raises(InvalidRequest) as refused:
        services.renew_client_certificate(actor=boss, certificate=made, csr=csr)
    assert (refused.value.code, refused.value.field) == ("csr.malformed", "csr")
    assert not Approval.objects.exists()


def test_where_nobody_approves_a_challenge_password_is_ignored(boss: Actor) -> None:
    world.issue("", csr=signing_request("jane", password=PASSWORD))
    assert subjects() == ["CN=jane"]


def test_what_stands_around_a_csr_is_not_kept(boss: Actor) -> None:
    rule("add")
    csr = signing_request("jane")
    approval = asked(boss, csr=f"note to self hunter2\n{csr}")
    told = LogEntry.objects.get(additional_data__event="approval.requested")
    assert "hunter2" not in approval.params
    assert "hunter2" not in str(told.additional_data)
    approve(decider(), approval)
    carry_out(approval.pk)
    assert ClientCertificate.objects.get().csr == csr


def issued(actor: Actor, *names: str, **frame: Any) -> Batch:
    batch = create(actor, *({"common_name": name} for name in names), **frame)
    batching.run_batch(batch.pk)
    batch.refresh_from_db()
    return batch


def export_rule(target: models.Model) -> ApprovalRule:
    kind = ContentType.objects.get_for_model(target)
    return rule("export_key", target_type=kind, target_pk=str(target.pk))


def archive(actor: Actor, batch: Batch) -> list[str]:
    parts = services.stream_batch(actor=actor, batch=batch, include_private=True)
    return zipfile.ZipFile(io.BytesIO(b"".join(parts))).namelist()


def test_a_rule_about_where_a_certificate_is_by_now_holds_its_key_back(boss: Actor) -> None:
    red, blue = (create_team(actor=SYSTEM, name=name) for name in ("red", "blue"))
    batch = issued(boss, "one", "two", team=red.name)
    one = ClientCertificate.objects.get(identifier="one")
    export_rule(blue)
    assert "one/privkey.pem" in archive(boss, batch)
    services.update_client_certificate(actor=SYSTEM, certificate=one, team="blue")
    with pytest.raises(Conflict) as refused:
        services.stream_batch(actor=boss, batch=batch, include_private=True)
    assert refused.value.code == "batch.keys_need_approval"


def test_a_rule_about_one_certificate_holds_its_key_back(boss: Actor) -> None:
    batch = issued(boss, "one", "two")
    export_rule(ClientCertificate.objects.get(identifier="one"))
    with pytest.raises(Conflict):
        services.stream_batch(actor=boss, batch=batch, include_private=True)


@pytest.mark.parametrize("is_everywhere", [True, False])
def test_a_rule_that_comes_while_the_archive_is_sent_holds_back(
    boss: Actor, is_everywhere: bool
) -> None:
    batch = issued(boss, "one", "two")
    parts = services.stream_batch(actor=boss, batch=batch, include_private=True)
    if is_everywhere:
        rule("export_key")
    else:
        export_rule(ClientCertificate.objects.get(identifier="one"))
    names = zipfile.ZipFile(io.BytesIO(b"".join(parts))).namelist()
    assert "one/cert.pem" in names
    assert "one/privkey.pem" not in names
    assert ("two/privkey.pem" in names) != is_everywhere


def test_an_archive_takes_as_many_queries_for_few_as_for_many(boss: Actor) -> None:
    counts = []
    for size in (2, 6):
        batch = issued(boss, *(f"of-{size}-{number}" for number in range(size)))
        for made in ClientCertificate.objects.filter(identifier__startswith=f"of-{size}-"):
            team = create_team(actor=SYSTEM, name=f"team-{made.identifier}")
            services.update_client_certificate(actor=SYSTEM, certificate=made, team=team.name)
        archive(boss, batch)
        with CaptureQueriesContext(connection) as queries:
            archive(boss, batch)
        reads = [one["sql"] for one in queries if one["sql"].startswith("SELECT")]
        counts.append(len(reads))
    assert counts[0] == counts[1]


def test_a_rule_that_is_about_others_holds_nothing_back(boss: Actor) -> None:
    batch = issued(boss, "one")
    export_rule(create_team(actor=SYSTEM, name="blue"))
    rule("export_key", is_enabled=False)
    assert "one/privkey.pem" in archive(boss, batch)
