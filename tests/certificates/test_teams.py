"""Certificates that a team owns: who gets them, who gives them away, and what that may not give."""

import pytest
from django.contrib.auth.models import User
from guardian.shortcuts import assign_perm

from certificates import services
from certificates.models import AltName, Certificate
from certificates.services import CertificateRequest
from certmate.access.actors import Actor
from certmate.access.models import ApiToken, Team
from certmate.core.errors import AccessDenied, Conflict, NotFound
from tests import factories
from tests.caller import Caller, problem
from tests.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def web() -> Team:
    return Team.objects.create(name="web")


@pytest.fixture
def member(cast: Cast, web: Team) -> User:
    """Somebody who may do to what his team owns everything but export its keys."""
    for verb in ("view", "add", "change", "renew", "revoke", "administer"):
        assign_perm(f"access.{verb}_under_team", cast.outsider, web)
    assign_perm("access.view_team", cast.outsider, web)
    ca, dns, _ = factories.ca_account(), factories.dns_account(), factories.storage_target()
    assign_perm("providers.view_caaccount", cast.outsider, ca)
    assign_perm("providers.view_dnsaccount", cast.outsider, dns)
    return cast.outsider


def of(user: User) -> Actor:
    return Actor.of(User.objects.get(pk=user.pk))


def test_a_member_requests_for_his_team_and_for_nobody_else(member: User, web: Team) -> None:
    Team.objects.create(name="hidden")
    caller = Caller(member)
    body = {"domain": "a.example.test", "ca": "ca", "dns": "dns"}
    made = caller.post("/api/certificates", **body, team="web")
    assert made.status_code == 202, made.content
    assert made.json()["team"] == "web"
    problem(caller.post("/api/certificates", **body, name="b"), 403, "access.denied")
    unknown = caller.post("/api/certificates", **body, name="b", team="hidden")
    problem(unknown, 400, "team.unknown")
    assert list(Certificate.objects.values_list("name", flat=True)) == ["a.example.test"]


def test_a_member_sees_what_his_team_owns(member: User, web: Team) -> None:
    factories.certificate("own.example.test", team=web)
    factories.certificate("other.example.test")
    caller = Caller(member)
    rows = caller.get("/api/certificates").json()["results"]
    assert [row["name"] for row in rows] == ["own.example.test"]
    assert caller.get("/api/certificates?team=web").json()["results"] == rows
    problem(caller.get("/api/certificates/other.example.test"), 404, "request.not_found")


def test_nobody_takes_a_certificate_into_his_team_to_get_more_rights(
    cast: Cast, member: User, web: Team
) -> None:
    assign_perm("access.export_key_under_team", member, web)
    mine = factories.certificate("mine.example.test")
    for verb in ("view", "change", "administer"):
        assign_perm(f"certificates.{verb}_certificate", member, mine)
    with pytest.raises(AccessDenied) as refused:
        services.update_certificate(actor=of(member), certificate=mine, team="web")
    assert refused.value.code == "access.gain"
    mine.refresh_from_db()
    assert mine.team is None
    moved = services.update_certificate(actor=of(cast.owner), certificate=mine, team="web")
    assert moved.team == web


def test_nobody_reissues_through_his_own_account_to_get_the_key(
    cast: Cast, member: User, web: Team
) -> None:
    certificate = factories.certificate("a.example.test", team=web)
    own = factories.ca_account("own")
    assign_perm("providers.view_caaccount", member, own)
    assign_perm("providers.export_key_under_caaccount", member, own)
    request = CertificateRequest(ca="own", dns="dns")
    with pytest.raises(AccessDenied) as refused:
        services.reissue_certificate(actor=of(member), certificate=certificate, request=request)
    assert refused.value.code == "access.gain"


def test_a_token_for_names_reaches_no_others(cast: Cast, web: Team) -> None:
    factories.dns_account()
    for name, others in (
        ("a.dev.example.test", []),
        ("b.dev.example.test", ["www.example.test"]),
        ("dev.example.test", []),
        ("c.dev.example.testing", []),
    ):
        factories.certificate(name, names=[name, *others])
    caller = Caller(cast.owner)
    ApiToken.objects.update(name_patterns=["*.dev.example.test"])
    rows = caller.get("/api/certificates").json()["results"]
    assert [row["name"] for row in rows] == ["a.dev.example.test"]
    problem(caller.get("/api/certificates/b.dev.example.test"), 404, "request.not_found")
    body = {"ca": "ca", "dns": "dns"}
    wild = caller.post("/api/certificates", domain="*.dev.example.test", **body)
    assert wild.status_code == 202, wild.content
    refused = caller.post("/api/certificates", domain="x.example.test", **body)
    problem(refused, 403, "access.denied")
    names = {"domain": "a.dev.example.test", "san_domains": ["www.example.test"]}
    wider = caller.post("/api/certificates/a.dev.example.test/reissue", **names)
    problem(wider, 403, "access.denied")


def test_a_hidden_certificate_is_not_told_of_by_its_name(member: User, web: Team) -> None:
    factories.certificate("taken.example.test")
    request = CertificateRequest(domain="taken.example.test", ca="ca", dns="dns")
    with pytest.raises(Conflict) as refused:
        services.create_certificate(actor=of(member), request=request, team="web")
    assert refused.value.code == "certificate.name_taken"
    assert "certificate" not in refused.value.detail


def test_the_names_to_look_up_follow_the_certificate() -> None:
    certificate = factories.certificate("a.example.test", names=["a.example.test", "b.test"])
    certificate.names = ["b.test", "c.test"]
    certificate.save(update_fields=["names"])
    rows = AltName.objects.filter(certificate=certificate).values_list("value", "reversed")
    assert set(rows) == {("b.test", "tset.b"), ("c.test", "tset.c")}


def test_a_team_that_owns_something_is_not_deleted(cast: Cast, web: Team) -> None:
    factories.certificate(team=web)
    problem(Caller(cast.owner).delete("/api/teams/web"), 409, "team.in_use")


def test_what_was_granted_on_something_is_gone_with_it(cast: Cast, web: Team) -> None:
    gone = factories.certificate()
    assign_perm("certificates.renew_certificate", cast.outsider, gone)
    with pytest.raises(AccessDenied):
        services.delete_certificate(actor=of(cast.operator), certificate=gone)
    with pytest.raises(NotFound):
        services.delete_certificate(actor=of(cast.outsider), certificate=gone)
    services.delete_certificate(actor=of(cast.owner), certificate=gone)
    assert not cast.outsider.userobjectpermission_set.exists()
