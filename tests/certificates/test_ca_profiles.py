"""A CA's profiles, from the request to the renewal."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from certificates import services, sweeps
from certificates.models import Certificate, Order
from certificates.services import CertificateRequest, reissue_certificate
from certificates.services.wanted import resolve
from certmate.access.actors import Actor
from certmate.core import clock
from certmate.core.errors import InvalidRequest
from providers.models import CAAccount
from providers.services import create_ca_account, update_ca_account, verify_ca_account
from tests import factories
from tests.caller import Caller, problem
from tests.cast import Cast
from tests.certificates.conftest import World, run, world_of
from tests.servers.acme_proxy import AcmeProxy, acme_proxy, offer_profiles
from tests.servers.bind import Bind
from tests.servers.pebble import pebble

SYSTEM = Actor.system()
SIX_DAYS = timedelta(hours=160)


@pytest.fixture(scope="module")
def short_lived(dns_server: Bind) -> Iterator[AcmeProxy]:
    """A CA that offers two profiles, and whose certificates are valid for six days."""
    seconds = int(SIX_DAYS.total_seconds())
    with (
        pebble(dns=dns_server.address, validity_seconds=seconds) as server,
        acme_proxy(server) as proxy,
    ):
        offer_profiles(proxy, {"classic": "90 days", "shortlived": "6 days"})
        yield proxy


@pytest.fixture
def six_days(transactional_db: None, short_lived: AcmeProxy, dns_server: Bind) -> World:
    short_lived.ordered.clear()
    address = short_lived.directory_url
    made = world_of(short_lived.server, dns_server)
    CAAccount.objects.update(directory_url=address, profile="shortlived")
    made.account.refresh_from_db()
    return made


def asked(proxy: AcmeProxy) -> list[str]:
    return [order["profile"] for order in proxy.ordered]


@pytest.mark.integration
def test_the_account_says_the_profile_and_the_certificate_another(
    six_days: World, short_lived: AcmeProxy
) -> None:
    certificate = six_days.issue("own.example.test")
    version = certificate.current_version
    assert version
    assert version.not_after - version.not_before == SIX_DAYS - timedelta(seconds=1)
    assert certificate.renew_at
    left = version.not_after - certificate.renew_at
    assert SIX_DAYS * 0.4 < left <= SIX_DAYS / 2

    services.update_certificate(actor=SYSTEM, certificate=certificate, renewal_days=30)
    certificate.refresh_from_db()
    assert certificate.renew_at > version.not_before + SIX_DAYS / 3, "not at once, without end"

    request = CertificateRequest(profile="classic")
    order = reissue_certificate(actor=SYSTEM, certificate=certificate, request=request)
    assert run(order).state == "succeeded"
    Certificate.objects.update(renew_at=clock.now())
    assert sweeps.renew_due() == 1
    renewed = run(Order.objects.open().get())
    assert (renewed.state, renewed.ca_profile) == ("succeeded", "classic")
    assert asked(short_lived) == ["shortlived", "classic", "classic"]


@pytest.mark.integration
def test_what_the_ca_has_come_not_to_offer_fails_the_order_and_names_what_it_does(
    six_days: World, short_lived: AcmeProxy
) -> None:
    CAAccount.objects.update(profile="gone")
    failed = run(six_days.order("gone.example.test")[1])
    assert (failed.state, failed.error_code) == ("failed", "acme.profile")
    assert "Not gone; it offers classic, shortlived." in failed.error_detail
    assert (failed.acme_order_url, short_lived.ordered) == ("", [])


@pytest.mark.integration
@pytest.mark.django_db
def test_verifying_an_account_asks_what_is_offered(short_lived: AcmeProxy) -> None:
    account = create_ca_account(
        actor=SYSTEM,
        name="six",
        provider="acme",
        directory_url=short_lived.directory_url,
        trust_bundle=short_lived.server.trust_pem,
        profile="taken-on-trust",
    )
    verified = verify_ca_account(actor=SYSTEM, account=account)
    assert verified.offered_profiles == {"classic": "90 days", "shortlived": "6 days"}
    with pytest.raises(InvalidRequest) as caught:
        update_ca_account(actor=SYSTEM, account=verified, profile="other")
    assert (caught.value.code, caught.value.field) == ("profile.not_offered", "profile")
    assert "classic, shortlived" in caught.value.detail
    assert update_ca_account(actor=SYSTEM, account=verified, profile="classic").profile == "classic"


def letsencrypt(**fields: Any) -> CAAccount:
    url = "https://acme-v02.api.letsencrypt.org/directory"
    return factories.ca_account(provider="letsencrypt", directory_url=url, **fields)


def wish(**request: Any) -> dict[str, Any]:
    return resolve(SYSTEM, CertificateRequest(**{"challenge_type": "http-01"} | request))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("request_of", "code", "field", "told"),
    [
        ({"profile": "tlsclient"}, "profile.not_offered", "profile", "classic, tlsserver, shortl"),
        ({"domain": "192.0.2.7"}, "name.ip", "domain", "but under its profile shortlived"),
        (
            {"profile": "tlsserver", "san_domains": [f"n{n}.example.com" for n in range(25)]},
            "name.too_many",
            "san_domains",
            "at most 25 names under its profile tlsserver",
        ),
        ({"validity_days": 6}, "profile.not_used", "validity_days", "by its profile"),
    ],
)
def test_what_the_catalogue_knows_of_a_profile_is_refused_at_once(
    request_of: dict[str, Any], code: str, field: str, told: str
) -> None:
    letsencrypt()
    with pytest.raises(InvalidRequest) as caught:
        wish(**{"domain": "www.example.com"} | request_of)
    assert (caught.value.code, caught.value.field) == (code, field)
    assert told in caught.value.detail


@pytest.mark.django_db
def test_an_address_is_taken_under_the_profile_for_it() -> None:
    account = letsencrypt()
    assert wish(domain="192.0.2.7", profile="shortlived")["ca_profile"] == "shortlived"
    CAAccount.objects.filter(pk=account.pk).update(profile="shortlived")
    assert wish(domain="192.0.2.7")["ca_profile"] == ""


@pytest.mark.django_db
def test_a_directory_without_profiles_is_believed() -> None:
    letsencrypt(offered_profiles={})
    with pytest.raises(InvalidRequest) as caught:
        wish(domain="www.example.com", profile="shortlived")
    assert "offers no profiles" in caught.value.detail


@pytest.mark.django_db
def test_the_name_of_a_profile_is_one_word() -> None:
    factories.ca_account()
    for name in ("two words", "line\nbreak", "ünknown"):
        with pytest.raises(InvalidRequest) as caught:
            wish(domain="www.example.com", profile=name)
        assert caught.value.code == "profile.not_offered"


@pytest.mark.django_db
def test_a_reissue_keeps_the_profile_until_it_is_told_or_the_ca_changes() -> None:
    factories.dns_account(zones=[])
    made = factories.certificate(names=["www.example.com"], ca_profile="short")
    factories.ca_account("other")

    def kept(**request: Any) -> str:
        return str(resolve(SYSTEM, CertificateRequest(**request), made)["ca_profile"])

    assert kept(key_type="ec384") == "short"
    assert kept(profile="") == ""
    assert kept(ca="other") == ""
    assert kept(ca="other", profile="long") == "long"


@pytest.mark.django_db
def test_the_api_takes_and_shows_it(cast: Cast) -> None:
    factories.storage_target()
    factories.dns_account()
    caller = Caller(cast.owner)
    account = {"name": "le", "provider": "letsencrypt", "profile": "tlsserver"}
    made = caller.post("/api/ca-accounts", **account).json()
    assert (made["profile"], made["offered_profiles"]) == ("tlsserver", None)
    changed = caller.patch("/api/ca-accounts/le", profile="nonsense")
    problem(changed, 400, "profile.not_offered")

    wish = {"domain": "www.example.test", "ca": "le"}
    answer = caller.post("/api/certificates", **wish, profile="nonsense")
    problem(answer, 400, "profile.not_offered")
    caller.post("/api/certificates", **wish, profile="shortlived")
    shown = caller.get("/api/certificates/www.example.test").json()
    assert (shown["profile"], shown["order"]["profile"]) == ("shortlived", "shortlived")
    entry = caller.get("/api/ca-providers/letsencrypt").json()
    shown = entry["profiles"][2]
    assert (shown["name"], shown["lifetime_seconds"]) == ("shortlived", 576000)
