"""Profiles of a CA: what it offers, what is asked for, and what comes of it."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from certmate.core.errors import UpstreamRejected
from providers.acme import client
from providers.acme.account import AccountRef
from providers.acme.plan import IssueRequest
from tests.providers.acme.conftest import Recorder, names_of
from tests.servers import authority
from tests.servers.acme_proxy import AcmeProxy, offer_profiles, problem
from tests.servers.pebble import Pebble

pytestmark = pytest.mark.integration

OFFERED = {"classic": "For all.", "shortlived": "https://ca.test/profiles#shortlived"}
Wanted = Callable[..., IssueRequest]


def refused(request: IssueRequest, watch: Recorder) -> str:
    with pytest.raises(UpstreamRejected) as caught:
        client.issue(request, watch)
    assert caught.value.code == "acme.profile"
    return caught.value.detail


@pytest.mark.parametrize(
    ("offered", "told"),
    [(OFFERED, "it offers classic, shortlived."), ({}, "it offers none at all.")],
)
def test_what_is_not_offered_is_never_ordered(
    offered: Mapping[str, str],
    told: str,
    proxy: AcmeProxy,
    proxied: AccountRef,
    wanted: Wanted,
) -> None:
    offer_profiles(proxy, offered)
    watch = Recorder()
    request = wanted("odd.example.test", account=proxied, profile="--config=odd")
    assert told in refused(request, watch)
    assert (watch.orders, proxy.ordered) == ([], [])


def test_a_server_that_knows_no_profiles_is_not_taken_at_its_silence(
    ca: Pebble, wanted: Wanted
) -> None:
    before = ca.issued()
    detail = refused(wanted("plain.example.test", profile="shortlived"), Recorder())
    assert "it offers none at all." in detail
    assert ca.issued() == before


def test_an_order_under_another_profile_is_not_gone_on_with(
    ca: Pebble, proxy: AcmeProxy, proxied: AccountRef, wanted: Wanted
) -> None:
    offer_profiles(proxy, OFFERED, taken="classic")
    before = ca.issued()
    request = wanted("other.example.test", account=proxied, profile="shortlived")
    assert "Asked for shortlived, it took classic." in refused(request, Recorder())
    assert ca.issued() == before


def test_what_the_ca_refuses_is_told_with_its_words(
    proxy: AcmeProxy, proxied: AccountRef, wanted: Wanted
) -> None:
    offer_profiles(proxy, OFFERED)
    words = problem("invalidProfile", "Not for you.", status=400)
    proxy.before = lambda method, path: words if path == "/order-plz" else None
    request = wanted("mine.example.test", account=proxied, profile="classic")
    assert "Not for you." in refused(request, Recorder())


def test_the_order_is_under_the_profile_and_taken_up_only_for_it(
    proxy: AcmeProxy, proxied: AccountRef, wanted: Wanted
) -> None:
    offer_profiles(proxy, OFFERED)
    watch = Recorder()
    request = wanted("twice.example.test", account=proxied, profile="classic")
    first = client.issue(request, watch)
    assert names_of(first.cert) == {"DNS:twice.example.test"}
    again: dict[str, Any] = {"account": proxied, "resume_url": watch.orders[0]}
    same = client.issue(
        wanted("x.test", csr_pem=request.csr_pem, profile="classic", **again), watch
    )
    assert same == first
    wish = wanted("x.test", csr_pem=request.csr_pem, profile="shortlived", **again)
    assert client.issue(wish, watch) != first
    assert [order["profile"] for order in proxy.ordered] == ["classic", "shortlived"]


def test_the_registration_tells_what_is_offered(ca: Pebble, proxy: AcmeProxy) -> None:
    hostile = {"two words": "", "": "", "x" * 65: "", "weird\u202e": "", "list": ["no", "words"]}
    offer_profiles(proxy, OFFERED | {"line": "one\ntwo\x1b[31m" + "y" * 999} | hostile)
    fresh = AccountRef(proxy.directory_url, authority.private_key(), "", ca.trust_pem)
    offered = client.register(fresh).profiles
    assert list(offered) == ["classic", "line", "list", "shortlived"]
    assert offered["classic"] == "For all."
    assert offered["line"].startswith("one two [31my")
    assert len(offered["line"]) == 300
