"""The forms by which client certificates come in: what they take and what they refuse."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from guardian.shortcuts import assign_perm

from clients.models import ClientCertificate, Enrolment
from providers.models import Authority, LedgerEntry, Profile
from providers.services import update_authority
from tests import factories_clients as factories
from tests.cast import confined
from tests.clients import world
from tests.clients.conftest import Crew
from tests.factories import profile_of
from tests.storage import bundles
from tests.ui.pages import page, signed_in, text

pytestmark = pytest.mark.django_db

UPLOAD = "/admin/clients/clientcertificate/upload/"


def desk(user: User) -> Client:
    """The browser of somebody who may use the admin."""
    User.objects.filter(pk=user.pk).update(is_staff=True)
    return signed_in(user)


@pytest.fixture
def wanted(authority: Authority) -> dict[str, Any]:
    """The add form filled in as far as it has to be."""
    profile = Profile.objects.get(name="client")
    return {"common_name": "Jane Doe", "authority": str(authority.pk), "profile": str(profile.pk)}


def errors_of(response: Any) -> dict[str, Any]:
    assert response.status_code == 200
    return dict(response.context["form"].errors)


def add(user: User, wanted: dict[str, Any]) -> Any:
    return desk(user).post(page(ClientCertificate, "add"), wanted)


def test_the_add_form_issues_and_leads_to_the_certificate(
    crew: Crew, wanted: dict[str, Any]
) -> None:
    factories.identity("jane", subject={"O": "Example", "C": "DE"})
    wanted |= {"identity": "jane", "unit": "Staff", "email": "jane@example.test", "tags": "a, b"}
    wanted |= {"dns": "one.example.test, two.example.test", "validity_days": "30"}
    response = add(crew.operator, wanted | {"auto_renew": "on", "renewal_days": "5"})
    made = ClientCertificate.objects.get()
    assert response.headers["Location"] == page(made)
    assert made.identifier == "jane-doe"
    assert made.subject == {"C": "DE", "O": "Example", "OU": "Staff", "CN": "Jane Doe"}
    names = {"dns": ["one.example.test", "two.example.test"], "email": ["jane@example.test"]}
    assert (made.alt_names, made.tags, made.renewal_days) == (names, ["a", "b"], 5)
    assert made.created_by == crew.operator


REFUSED: list[tuple[dict[str, str], str]] = [
    ({"common_name": ""}, "common_name"),
    ({"common_name": "x" * 65}, "common_name"),
    ({"identity": "nobody"}, "identity"),
    ({"identifier": "../etc"}, "identifier"),
    ({"identifier": "stats"}, "identifier"),
    ({"authority": ""}, "authority"),
    ({"profile": ""}, "profile"),
    ({"country": "Germany"}, "country"),
    ({"organisation": "\u202eExample"}, "organisation"),
    ({"dns": "not a name!"}, "dns"),
    ({"ip": "192.0.2.7"}, "ip"),
    ({"email": "nobody"}, "email"),
    ({"uri": "/relative"}, "uri"),
    ({"key_type": "rsa1024"}, "key_type"),
    ({"validity_days": "9999"}, "validity_days"),
    ({"csr": "no CSR"}, "csr"),
    ({"renewal_days": "0"}, "renewal_days"),
    ({"tags": "x" * 65}, "tags"),
]


def test_what_is_refused_is_told_at_its_field_and_nothing_is_signed(
    crew: Crew, wanted: dict[str, Any]
) -> None:
    before, client = LedgerEntry.objects.count(), desk(crew.operator)
    for changed, field in REFUSED:
        response = client.post(page(ClientCertificate, "add"), wanted | changed)
        assert list(errors_of(response)) == [field], changed
    assert not ClientCertificate.objects.exists()
    assert LedgerEntry.objects.count() == before


def test_an_identifier_that_is_taken_is_told_at_the_identifier(
    crew: Crew, wanted: dict[str, Any]
) -> None:
    factories.issued("jane", identifier="laptop")
    assert (
        "already" in errors_of(add(crew.owner, wanted | {"identifier": "laptop"}))["identifier"][0]
    )


def test_authorities_that_cannot_sign_now_are_not_offered(
    crew: Crew, wanted: dict[str, Any]
) -> None:
    off = world.authority("off")
    update_authority(actor=world.SYSTEM, authority=off, disabled=True)
    client = desk(crew.operator)
    form = client.get(page(ClientCertificate, "add")).context["form"]
    offered = {one.name for one in form.fields["authority"].queryset}
    assert offered == {"issuing", "root"}
    assert form["authority"].value() == Authority.objects.get(name="issuing").pk
    assert form["profile"].value() == Profile.objects.get(name="client").pk
    assert list(errors_of(add(crew.operator, wanted | {"authority": str(off.pk)}))) == ["authority"]


def test_a_csr_is_pasted_or_sent_as_a_file(crew: Crew, wanted: dict[str, Any]) -> None:
    ways: tuple[Callable[[str], dict[str, Any]], ...] = (
        lambda csr: {"csr": csr},
        lambda csr: {"csr_file": SimpleUploadedFile("a.csr", csr.encode())},
        lambda csr: {"csr_file": SimpleUploadedFile("a.der", factories.der(csr))},
    )
    for number, sent in enumerate(ways):
        csr = factories.csr(factories.key(), "Jane Doe")
        named = {"common_name": "", "identifier": f"jane-{number}"}
        add(crew.operator, wanted | named | sent(csr))
        made = ClientCertificate.objects.get(identifier=f"jane-{number}")
        assert (made.method, made.common_name, made.csr) == ("csr", "Jane Doe", csr)
        assert made.current_version is not None
        assert not made.current_version.has_private_key


def test_two_csrs_at_once_and_a_huge_file_are_refused(crew: Crew, wanted: dict[str, Any]) -> None:
    csr = factories.csr(factories.key())
    both = wanted | {"csr": csr, "csr_file": SimpleUploadedFile("a.csr", csr.encode())}
    assert list(errors_of(add(crew.operator, both))) == ["csr"]
    huge = wanted | {"csr_file": SimpleUploadedFile("a.csr", b"0" * 70_000)}
    assert list(errors_of(add(crew.operator, huge))) == ["csr_file"]
    assert not ClientCertificate.objects.exists()


def test_where_approval_is_wanted_the_form_leads_to_the_enrolment(
    crew: Crew, wanted: dict[str, Any]
) -> None:
    profile_of("client", needs_approval=True)
    response = add(crew.operator, wanted)
    assert response.headers["Location"] == page(Enrolment.objects.get())
    certificate = ClientCertificate.objects.get()
    assert certificate.state == "pending"
    assert "Nothing is issued before" in text(desk(crew.operator).get(page(certificate)))


def test_a_certificate_of_another_ca_is_uploaded_and_its_key_is_not_sent_back(
    crew: Crew, target: object
) -> None:
    bundle = bundles.issue("jane.example.test")
    sent = {"certificate": bundle.cert, "chain": bundle.chain, "private_key": bundle.privkey}
    client = desk(crew.operator)
    refused = client.post(UPLOAD, sent | {"identity": "nobody"})
    assert list(errors_of(refused)) == ["identity"]
    assert "PRIVATE KEY" not in text(refused)
    response = client.post(UPLOAD, sent | {"identifier": "jane"})
    made = ClientCertificate.objects.get()
    assert (made.identifier, made.method, made.authority) == ("jane", "manual", None)
    assert response.headers["Location"] == page(made)
    html = text(client.get(page(made)))
    assert "another CA" in html
    for tool in ("renew", "renew_csr", "revoke"):
        assert page(made, tool) not in html


def test_an_upload_that_does_not_fit_is_refused_at_its_field(crew: Crew, target: object) -> None:
    fit, client = {"certificate": bundles.issue("jane.example.test").cert}, desk(crew.operator)
    refused: tuple[tuple[dict[str, str], str], ...] = (
        ({}, "certificate"),
        ({"certificate": "no certificate"}, "certificate"),
        (fit | {"chain": fit["certificate"]}, "certificate"),
        (fit | {"chain": "no certificate"}, "chain"),
        (fit | {"private_key": "no key"}, "private_key"),
        (fit | {"identifier": "batch"}, "identifier"),
    )
    for sent, field in refused:
        assert list(errors_of(client.post(UPLOAD, sent))) == [field], sent
    assert not ClientCertificate.objects.exists()


def test_who_may_ask_for_nothing_gets_no_add_page(crew: Crew) -> None:
    for address in (page(ClientCertificate, "add"), UPLOAD):
        assert desk(crew.auditor).get(address).status_code == 403
        assert desk(crew.auditor).post(address, {"common_name": "x"}).status_code == 403


def test_a_grant_on_the_team_is_enough_to_ask_and_to_work(
    crew: Crew, wanted: dict[str, Any]
) -> None:
    confined(crew.outsider, "shop", "view", "add", "revoke")
    assign_perm("providers.view_authority", crew.outsider, Authority.objects.get())
    assign_perm("providers.view_profile", crew.outsider, Profile.objects.get(name="client"))
    assert add(crew.outsider, wanted).status_code == 403
    add(crew.outsider, wanted | {"team": "shop"})
    made = ClientCertificate.objects.get()
    html = text(desk(crew.outsider).get(page(made)))
    assert page(made, "revoke") in html
    assert page(made, "delete") not in html
