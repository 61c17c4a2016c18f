"""Asking for a certificate from a private authority: what is taken and refused, and who may."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from guardian.shortcuts import assign_perm
from hypothesis import example, given, settings
from hypothesis import strategies as st

from certificates import execution, services
from certificates.approvable import _request
from certificates.models import Certificate, Order
from certificates.remedies import remedy
from certificates.services import CertificateRequest
from certificates.services.asking import told
from certificates.services.naming import by_kind, names_of
from certificates.services.wanted import resolve
from certmate.access.actors import Actor
from certmate.access.services import approvals
from certmate.access.verbs import Verb
from certmate.core.errors import AccessDenied, Conflict, InvalidRequest
from certmate.pki.alt_names import parse_alt_names
from certmate.pki.keys import KeyType, generate
from certmate.pki.requests import build_request
from providers.models import Authority, LedgerEntry, Profile
from providers.services import delete_profile
from tests import factories
from tests.access.four_eyes import approve, decider, rule, waits
from tests.caller import Caller, problem
from tests.cast import Cast
from tests.ui.pages import page, queries, signed_in, text

pytestmark = pytest.mark.django_db

SYSTEM = Actor.system()
PATH = "/api/certificates"
GOOD: dict[str, Any] = {"domain": "app.internal", "ca": "internal"}


@pytest.fixture
def authority() -> Authority:
    factories.storage_target()
    limits = {"permitted": {"dns": ["internal"]}}
    return factories.authority(name_constraints=limits)


@pytest.fixture
def owner(cast: Cast) -> Caller:
    return Caller(cast.owner)


def csr(*dns: str, email: str = "", key_type: KeyType = KeyType.ED25519) -> str:
    names = parse_alt_names(dns=dns, email=[email] if email else [])
    return build_request(generate(key_type), {}, names)


def placed() -> Order:
    return Order.objects.get()


@pytest.mark.parametrize("named", ["ca", "authority"])
def test_an_authority_is_named_where_a_ca_is(
    owner: Caller, authority: Authority, named: str
) -> None:
    answer = owner.post(
        PATH, domain="App.Internal", san_domains=["b.internal"], **{named: "internal"}
    )
    assert answer.status_code == 202, answer.content
    made = answer.json()
    assert (made["name"], made["san_domains"]) == ("app.internal", ["b.internal"])
    assert (made["ca"], made["ca_provider"], made["authority"]) == (
        "internal",
        "authority",
        "internal",
    )
    assert (made["profile"], made["validity_days"], made["staging"]) == ("server", None, False)
    assert (made["challenge_type"], made["dns"], made["key_type"]) == (None, None, "ec256")
    order = made["order"]
    assert (order["ca"], order["authority"], order["profile"]) == ("internal", "internal", "server")
    execution.run_order(placed().pk)
    (version,) = owner.get(f"{PATH}/app.internal/versions").json()["results"]
    assert (version["ca"], version["authority"]) == ("internal", "internal")
    for listed in (owner.get(PATH), owner.get(f"{PATH}?ca=internal&authority=internal")):
        (row,) = listed.json()["results"]
        assert row == {name: owner.get(f"{PATH}/app.internal").json()[name] for name in row}
    assert owner.get(f"{PATH}?ca=other").json()["results"] == []


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "a name outside": ({"domain": "app.example.test"}, "domain", "authority.name_constraints"),
    "another name outside": (
        {"san_domains": ["x.test"]},
        "san_domains",
        "authority.name_constraints",
    ),
    "no name": ({"domain": "no_host.internal"}, "domain", "name.invalid"),
    "names without end": (
        {"san_domains": [f"n{number}.internal" for number in range(100)]},
        "san_domains",
        "name.too_many",
    ),
    "a key that the profile does not take": (
        {"key_type": "mldsa44"},
        "key_type",
        "profile.key_type",
    ),
    "a CSR of such a key": (
        {"csr": csr("app.internal", key_type=KeyType.MLDSA44)},
        "csr",
        "profile.key_type",
    ),
    "a CSR for other names": ({"csr": csr("b.internal")}, "csr", "csr.names"),
    "a CSR for people": ({"csr": csr("app.internal", email="a@b.test")}, "csr", "csr.names"),
    "a CSR for no name": ({"csr": csr()}, "csr", "csr.names"),
    "a CSR for more, outside": (
        {"csr": csr("app.internal", "x.test")},
        "csr",
        "authority.name_constraints",
    ),
    "too long": ({"validity_days": 399}, "validity_days", "profile.validity"),
    "no day": ({"validity_days": 0}, "validity_days", "request.invalid"),
    "a profile for mail": ({"profile": "smime"}, "domain", "profile.san"),
    "no such profile": ({"profile": "nothing"}, "profile", "profile.unknown"),
    "a profile with approval": ({"profile": "code-signing"}, "profile", "profile.needs_approval"),
    "a challenge": ({"challenge_type": "dns-01"}, "challenge_type", "challenge.not_used"),
    "a DNS account": ({"dns": "dns"}, "dns", "dns.not_used"),
    "a DNS provider": ({"dns_provider": "rfc2136"}, "dns_provider", "dns.not_used"),
    "a CA besides": ({"authority": "internal"}, "authority", "issuer.both"),
    "a CA's provider besides": ({"ca_provider": "acme"}, "ca", "account.unknown"),
    "no such authority": ({"ca": ..., "authority": "nothing"}, "authority", "authority.unknown"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_is_refused_at_once_and_at_its_field(
    owner: Caller, authority: Authority, what: str
) -> None:
    change, field, code = REFUSED[what]
    factories.dns_account()
    body = {name: value for name, value in (GOOD | change).items() if value is not ...}
    document = problem(owner.send("POST", PATH, body), 400, code)
    assert list(document["errors"]) == [field]
    assert not Certificate.objects.exists()
    assert not LedgerEntry.objects.filter(kind="leaf").exists()
    assert owner.send("POST", PATH, GOOD).status_code == 202


@given(st.text(max_size=300), st.lists(st.text(max_size=80), max_size=3))
@example("a.internal", ["10.0.0.1", "::1", "a.internal", "*.b"])
@example("1:2:3", [])
@settings(database=None, deadline=None, max_examples=100)
def test_hostile_names_are_refused_or_come_out_as_they_stay(domain: str, sans: list[str]) -> None:
    request = CertificateRequest(domain=domain, san_domains=sans)
    try:
        names, _ = names_of(request, None, public=False)
    except InvalidRequest:
        return
    values = [name.value for name in names]
    assert len(set(values)) == len(values)
    assert set(by_kind(values).all()) == set(values)
    again = CertificateRequest(domain=values[0], san_domains=values[1:])
    assert names_of(again, None, public=False) == (names, "")


def test_a_reissue_is_refused_at_once_as_well(owner: Caller, authority: Authority) -> None:
    factories.certificate("app.internal", authority=authority)
    answer = owner.post(f"{PATH}/app.internal/reissue", domain="app.test")
    problem(answer, 400, "authority.name_constraints")
    assert not Order.objects.exists()


@pytest.mark.parametrize("is_new", [True, False])
def test_a_validity_of_no_day_is_not_the_default(authority: Authority, is_new: bool) -> None:
    current = None if is_new else factories.certificate("app.internal", authority=authority)
    with pytest.raises(InvalidRequest) as refused:
        resolve(SYSTEM, CertificateRequest(**GOOD, validity_days=0), current)
    assert (refused.value.code, refused.value.field) == ("profile.validity", "validity_days")


def test_a_hidden_authority_is_unknown(cast: Cast, authority: Authority) -> None:
    caller = Caller(cast.operator)
    for field, code in (("ca", "account.unknown"), ("authority", "authority.unknown")):
        told_of = []
        for name in ("internal", "nothing0"):
            answer = caller.post(PATH, domain="app.internal", **{field: name})
            told_of.append(str(problem(answer, 400, code)).replace(name, "?"))
        assert told_of[0] == told_of[1]


def test_a_name_that_two_have_is_told_and_not_guessed(
    owner: Caller, cast: Cast, authority: Authority
) -> None:
    factories.ca_account("internal")
    document = problem(owner.send("POST", PATH, GOOD), 400, "issuer.ambiguous")
    assert list(document["errors"]) == ["ca"]
    # Who sees one of them only is not told that there is another.
    assign_perm("providers.view_authority", cast.operator, authority)
    user = User.objects.get(pk=cast.operator.pk)
    user.user_permissions.remove(*user.user_permissions.filter(codename="view_caaccount"))
    assert Caller(User.objects.get(pk=user.pk)).send("POST", PATH, GOOD).status_code == 202
    assert placed().issued_by == authority


def test_nothing_is_named_and_no_authority_is_taken(owner: Caller, authority: Authority) -> None:
    problem(owner.post(PATH, domain="app.internal"), 400, "account.unknown")
    factories.ca_account("ca")
    answer = owner.post(PATH, domain="app.example.test", challenge_type="http-01")
    assert answer.json()["ca"] == "ca"


def grant(user: User, authority: Authority, *verbs: Verb) -> Actor:
    """What is needed to name the authority, and these verbs on what comes from it."""
    assign_perm("providers.view_authority", user, authority)
    for verb in verbs:
        assign_perm(f"providers.{verb}_under_authority", user, authority)
    return Actor.of(User.objects.get(pk=user.pk))


def test_grants_under_an_authority_reach_what_comes_from_it(
    cast: Cast, authority: Authority
) -> None:
    actor = grant(cast.outsider, authority, Verb.REQUEST, Verb.VIEW, Verb.RENEW)
    account = factories.ca_account("ca")
    request = CertificateRequest(**GOOD)
    made, order = services.create_certificate(actor=actor, request=request)
    execution.run_order(order.pk)
    order.refresh_from_db()
    assert order.state == "succeeded", order.error_detail
    made.refresh_from_db()
    assert services.renew_certificate(actor=actor, certificate=made).kind == "renew"
    factories.certificate("foreign.internal", authority=factories.authority("other"))
    factories.certificate("foreign.test", ca_account=account)
    (row,) = Caller(cast.outsider).get(PATH).json()["results"]
    assert row["name"] == "app.internal"
    with pytest.raises(AccessDenied):
        services.revoke_certificate(actor=actor, certificate=made)


def test_to_see_an_authority_is_not_to_ask_it(cast: Cast, authority: Authority) -> None:
    actor = grant(cast.outsider, authority, Verb.VIEW)
    with pytest.raises(AccessDenied):
        services.create_certificate(actor=actor, request=CertificateRequest(**GOOD))


@pytest.mark.parametrize("is_kept", [True, False])
def test_the_right_has_to_last_until_it_is_signed(
    cast: Cast, authority: Authority, is_kept: bool
) -> None:
    actor = grant(cast.outsider, authority, Verb.REQUEST)
    _, order = services.create_certificate(actor=actor, request=CertificateRequest(**GOOD))
    if not is_kept:
        cast.outsider.userobjectpermission_set.all().delete()
    execution.run_order(order.pk)
    order.refresh_from_db()
    outcome = ("succeeded", "") if is_kept else ("failed", "access.withdrawn")
    assert (order.state, order.error_code) == outcome
    assert LedgerEntry.objects.filter(kind="leaf").exists() == is_kept


def test_only_the_usual_profile_is_for_everybody(cast: Cast, authority: Authority) -> None:
    actor = grant(cast.outsider, authority, Verb.REQUEST)
    request = CertificateRequest(**GOOD, profile="mutual")
    with pytest.raises(InvalidRequest) as refused:
        services.create_certificate(actor=actor, request=request)
    assert refused.value.code == "profile.unknown"
    assign_perm("providers.view_profile", cast.outsider, Profile.objects.get(name="mutual"))
    actor = Actor.of(User.objects.get(pk=cast.outsider.pk))
    services.create_certificate(actor=actor, request=request)
    assert placed().profile == Profile.objects.get(name="mutual")


def test_nobody_reissues_from_an_authority_of_his_own_to_get_the_key(
    cast: Cast, authority: Authority
) -> None:
    made = factories.certificate("app.internal")
    actor = grant(cast.outsider, authority, Verb.REQUEST, Verb.EXPORT_KEY)
    for verb in (Verb.VIEW, Verb.RENEW):
        assign_perm(f"certificates.{verb}_certificate", cast.outsider, made)
    request = CertificateRequest(ca="internal")
    with pytest.raises(AccessDenied) as refused:
        services.reissue_certificate(actor=actor, certificate=made, request=request)
    assert refused.value.code == "access.gain"


def test_a_certificate_changes_from_a_ca_to_an_authority_and_back(
    owner: Caller, authority: Authority
) -> None:
    account = factories.ca_account("ca")
    authority = factories.authority("all")
    made = factories.certificate(ca_account=account, dns_account=factories.dns_account())
    path = f"{PATH}/{made.name}"
    assert owner.post(f"{path}/reissue", ca="all", validity_days=7).status_code == 202
    execution.run_order(placed().pk)
    now = owner.get(path).json()
    assert (now["ca"], now["authority"], now["profile"]) == ("all", "all", "server")
    assert (now["dns"], now["challenge_type"], now["validity_days"]) == (None, None, 7)
    made.refresh_from_db()
    assert (made.ca_account, made.issued_by, made.dns_account) == (None, authority, None)
    back = owner.post(f"{path}/reissue", ca="ca").json()["order"]
    assert (back["ca"], back["authority"], back["profile"]) == ("ca", None, None)
    assert (back["challenge_type"], back["dns"], back["validity_days"]) == ("dns-01", "dns", None)


def test_a_reissue_leaves_what_it_does_not_name(authority: Authority) -> None:
    mutual = Profile.objects.get(name="mutual")
    made = factories.certificate(
        "app.internal", authority=authority, profile=mutual, validity_days=7, key_type="ed25519"
    )
    kept = resolve(SYSTEM, CertificateRequest(domain="b.internal"), made)
    assert (kept["authority"], kept["profile"], kept["validity_days"]) == (authority, mutual, 7)
    assert (kept["key_type"], kept["challenge_type"]) == ("ed25519", "")
    again = resolve(SYSTEM, CertificateRequest(profile="mutual"), made)
    assert again["validity_days"] is None


@pytest.mark.parametrize("kind", ["ca", "authority"])
def test_what_was_approved_is_what_is_asked_for(authority: Authority, kind: str) -> None:
    account, dns = factories.ca_account("ca"), factories.dns_account()
    request = {
        "ca": CertificateRequest(domain="app.example.test", ca=account.name, dns=dns.name),
        "authority": CertificateRequest(
            **GOOD, profile="mutual", validity_days=7, csr=csr("app.internal")
        ),
    }[kind]
    wanted = resolve(SYSTEM, request)
    assert resolve(SYSTEM, _request(told(wanted))) == wanted


def test_a_rule_about_certificates_holds_for_an_authority(cast: Cast, authority: Authority) -> None:
    rule("add")
    actor = grant(cast.operator, authority)
    approval = waits(
        lambda: services.create_certificate(actor=actor, request=CertificateRequest(**GOOD))
    )
    assert json.loads(approval.params)["authority"] == "internal"
    assert "ca_account" not in approval.params
    approve(decider(), approval)
    approvals.carry_out(approval.pk)
    assert placed().issued_by == authority


def test_what_a_person_can_do_is_told_with_each_refusal() -> None:
    for code in ("authority.disabled", "authority.offline", "key.blocked", "profile.san"):
        assert remedy(code)


def test_a_list_costs_as_many_queries_for_many_rows(owner: Caller, authority: Authority) -> None:
    counts = []
    for count in (2, 20):
        for number in range(count):
            factories.certificate(f"n{number}.of{count}.internal", authority=authority)
            factories.certificate(f"n{number}.of{count}.example.test")
        owner.get(PATH)
        with CaptureQueriesContext(connection) as captured:
            assert owner.get(PATH).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]


FORM = {"names": "app.internal", "challenge_type": "dns-01", "key_type": "ec256"}


def test_the_add_form_orders_from_an_authority(cast: Cast, authority: Authority) -> None:
    mutual = Profile.objects.get(name="mutual")
    wanted = {"authority": str(authority.pk), "profile": str(mutual.pk), "validity_days": "7"}
    response = signed_in(cast.owner).post(page(Certificate, "add"), FORM | wanted)
    assert response.headers["Location"] == page(placed())
    order = placed()
    assert (order.authority, order.profile, order.validity_days) == (authority, mutual, 7)
    assert (order.ca_account, order.challenge_type) == (None, "")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({}, "ca"),
        ({"ca": "account", "authority": "authority"}, "ca"),
        ({"authority": "authority", "names": "app.test"}, "names"),
        ({"authority": "authority", "validity_days": "399"}, "validity_days"),
        ({"authority": "authority", "key_type": "mldsa44"}, "key_type"),
    ],
)
def test_the_form_tells_a_refusal_at_its_field(
    cast: Cast, authority: Authority, changed: dict[str, str], field: str
) -> None:
    keys = {"account": str(factories.ca_account().pk), "authority": str(authority.pk)}
    sent = FORM | {name: keys.get(value, value) for name, value in changed.items()}
    response = signed_in(cast.owner).post(page(Certificate, "add"), sent)
    assert list(response.context["form"].errors) == [field]
    assert not Certificate.objects.exists()


def test_an_authority_that_is_hidden_cannot_be_picked(cast: Cast, authority: Authority) -> None:
    client = signed_in(cast.operator)
    factories.ca_account()
    assert "internal" not in text(client.get(page(Certificate, "add")))
    response = client.post(page(Certificate, "add"), FORM | {"authority": str(authority.pk)})
    assert "authority" in response.context["form"].errors


def test_the_reissue_form_offers_what_is_and_changes_to_a_ca(
    cast: Cast, authority: Authority
) -> None:
    made = factories.certificate("app.example.test", authority=authority, validity_days=9)
    client, url = signed_in(cast.owner), page(made, "reissue")
    initial = client.get(url).context["form"].initial
    assert (initial["authority"], initial["validity_days"]) == (authority.pk, 9)
    account, _ = factories.ca_account(), factories.dns_account()
    client.post(url, FORM | {"names": made.name, "ca": str(account.pk)})
    assert (placed().issued_by, placed().challenge_type) == (account, "dns-01")


def test_the_reissue_form_keeps_the_profile_that_is(cast: Cast, authority: Authority) -> None:
    mutual = Profile.objects.get(name="mutual")
    made = factories.certificate("app.internal", authority=authority, profile=mutual)
    sent = FORM | {"names": "b.internal", "authority": str(authority.pk)}
    for verb in (Verb.VIEW, Verb.RENEW):
        assign_perm(f"certificates.{verb}_certificate", cast.outsider, made)
    grant(cast.outsider, authority, Verb.REQUEST)
    # Who may not see it is told so, and does not change it by leaving it out.
    refused = signed_in(cast.outsider).post(page(made, "reissue"), sent)
    assert "profile" in refused.context["form"].errors
    signed_in(cast.owner).post(page(made, "reissue"), sent)
    assert placed().profile == mutual


def test_the_pages_say_who_issues(cast: Cast, authority: Authority) -> None:
    made = factories.certificate("app.internal", authority=authority, validity_days=9)
    order = factories.order(made)
    client = signed_in(cast.owner)
    for html in (text(client.get(page(made))), text(client.get(page(order)))):
        assert page(authority) in html
        assert page(made.profile or Profile) in html
        assert "9 days" in html
        assert "Proof of control" not in html
    listed = client.get(page(Certificate, "changelist"))
    assert "internal" in text(listed)


def test_the_list_of_the_admin_is_filtered_and_costs_the_same_for_many(
    cast: Cast, authority: Authority
) -> None:
    client, url = signed_in(cast.owner), page(Certificate, "changelist")
    factories.certificate("other.test")
    factories.certificate("n.internal", authority=authority)
    few = queries(client, url)
    for number in range(20):
        factories.certificate(f"n{number}.internal", authority=authority)
    assert queries(client, url) == few
    rows = client.get(url, {"authority__id__exact": str(authority.pk)}).context["cl"].result_list
    assert len(rows) == 21


def test_the_validity_is_that_of_the_profile(authority: Authority) -> None:
    factories.profile("short", default_days=3, longest_days=3)
    request = CertificateRequest(**GOOD, profile="short")
    services.create_certificate(actor=SYSTEM, request=request)
    execution.run_order(placed().pk)
    made = Certificate.objects.get()
    assert made.current_version is not None
    assert (made.current_version.not_after - made.current_version.not_before).days == 3


def test_a_profile_in_use_is_not_deleted(authority: Authority) -> None:
    short = factories.profile("short")
    factories.certificate("app.internal", authority=authority, profile=short)
    with pytest.raises(Conflict) as refused:
        delete_profile(actor=SYSTEM, profile=short)
    assert refused.value.code == "profile.in_use"
