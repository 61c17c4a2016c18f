"""CAs and DNS servers that fail, lie or are not there."""

import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from certmate.core.errors import CertMateError, UpstreamRejected, UpstreamUnavailable
from providers.acme import client
from providers.acme.account import AccountRef
from providers.acme.plan import IssueRequest
from providers.dns.catalogue import CATALOGUE
from providers.dns.render import render
from tests.providers.acme.conftest import Recorder
from tests.servers import authority
from tests.servers.acme_proxy import AcmeProxy, Answer, problem
from tests.servers.bind import Bind
from tests.servers.process import free_port

pytestmark = pytest.mark.integration

Wanted = Callable[..., IssueRequest]


def failure(request: IssueRequest, watch: Recorder | None = None) -> CertMateError:
    with pytest.raises((UpstreamRejected, UpstreamUnavailable)) as caught:
        client.issue(request, watch or Recorder())
    return caught.value


@pytest.fixture
def silent_server() -> Iterator[socket.socket]:
    """A port that takes connections and datagrams and never says anything."""
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        udp.bind(tcp.getsockname())
        yield tcp


def test_a_ca_that_is_down_is_tried_again(account: AccountRef, wanted: Wanted) -> None:
    down = replace(account, directory_url=f"https://127.0.0.1:{free_port()}/dir")
    error = failure(wanted("example.test", account=down))
    assert (error.code, error.retryable) == ("acme.unreachable", True)


def test_a_ca_whose_name_does_not_resolve_is_unreachable(account: AccountRef) -> None:
    with pytest.raises(UpstreamUnavailable) as caught:
        client.register(replace(account, directory_url="https://ca.invalid/dir"))
    assert caught.value.code == "acme.unreachable"


def test_a_ca_that_is_not_trusted_says_what_to_do(account: AccountRef, wanted: Wanted) -> None:
    error = failure(wanted("example.test", account=replace(account, trust_bundle="")))
    assert (error.code, error.retryable) == ("acme.untrusted", False)


def test_a_rate_limit_is_waited_for(proxy: AcmeProxy, proxied: AccountRef, wanted: Wanted) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
    for header, shortest in (("7200", timedelta(hours=2)), (later, timedelta(minutes=119))):
        limited = problem(
            "rateLimited", "too many certificates", status=429, headers={"Retry-After": header}
        )
        proxy.before = lambda method, path, said=limited: said if path == "/order-plz" else None  # type: ignore[misc]
        error = failure(wanted("example.test", account=proxied))
        assert (error.code, error.retryable) == ("acme.rate_limited", True)
        assert error.retry_after is not None
        assert shortest <= error.retry_after <= timedelta(hours=2)
        assert "too many certificates" in error.detail


def test_a_compound_problem_names_each_identifier(
    proxy: AcmeProxy, proxied: AccountRef, wanted: Wanted
) -> None:
    parts = [
        {
            "type": f"urn:ietf:params:acme:error:{kind}",
            "detail": f"{kind} says no",
            "identifier": {"type": "dns", "value": name},
        }
        for kind, name in (("caa", "a.example.test"), ("rejectedIdentifier", "b.example.test"))
    ]
    said = problem("malformed", "some names", status=403, subproblems=parts)
    proxy.before = lambda method, path: said if path == "/order-plz" else None
    error = failure(wanted("a.example.test", "b.example.test", account=proxied))
    assert error.code == "acme.caa"
    assert error.identifiers == {
        "a.example.test": "caa says no",
        "b.example.test": "rejectedIdentifier says no",
    }


SECRET_PAGE = "what an internal server keeps to itself"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(503, f"<h1>{SECRET_PAGE}</h1>".encode()), "acme.server_error"),
        (Answer(404, f"<h1>{SECRET_PAGE}</h1>".encode()), "acme.malformed"),
        (Answer(200, f"<h1>{SECRET_PAGE}</h1>".encode()), "acme.malformed"),
        (Answer(200, json.dumps({"note": SECRET_PAGE}).encode()), "acme.malformed"),
        (Answer(200, json.dumps([SECRET_PAGE]).encode()), "acme.malformed"),
        (Answer(400, json.dumps({"detail": SECRET_PAGE}).encode()), "acme.malformed"),
        (Answer(500, json.dumps({"detail": SECRET_PAGE}).encode()), "acme.server_error"),
    ],
)
def test_a_server_that_is_no_ca_is_not_quoted(
    proxy: AcmeProxy, proxied: AccountRef, wanted: Wanted, answer: Answer, code: str
) -> None:
    proxy.before = lambda method, path: answer if path == "/dir" else None
    watch = Recorder()
    error = failure(wanted("example.test", account=proxied), watch)
    assert error.code == code
    assert SECRET_PAGE not in error.detail
    assert SECRET_PAGE not in watch.logged


def test_a_redirect_is_not_followed(proxy: AcmeProxy, proxied: AccountRef, wanted: Wanted) -> None:
    elsewhere = Answer(302, b"{}", {"Location": f"{proxy.base}/elsewhere"})
    proxy.before = lambda method, path: elsewhere if path == "/dir" else None
    error = failure(wanted("example.test", account=proxied))
    assert error.code == "acme.url_refused"
    assert proxy.count("GET", "/elsewhere") == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/dir",
        "https://user:password@127.0.0.1/dir",
        "https://169.254.169.254/dir",
        "https://[fe80::1]/dir",
        "https://[::ffff:169.254.169.254]/dir",
        "https://[fd00:ec2::254]/dir",
        "https://100.100.100.200/dir",
        "https://0.0.0.0/dir",
        "https://224.0.0.1/dir",
        "https://2852039166/dir",
    ],
)
def test_an_address_that_no_ca_has_is_not_called(account: AccountRef, url: str) -> None:
    with pytest.raises(UpstreamRejected) as caught:
        client.register(replace(account, directory_url=url))
    assert caught.value.code == "acme.url_refused"
    assert "password" not in caught.value.detail


def test_a_directory_that_leads_inside_is_not_followed(
    proxy: AcmeProxy, proxied: AccountRef, wanted: Wanted
) -> None:
    def lead_inside(method: str, path: str, answer: Answer) -> Answer | None:
        if path != "/dir":
            return None
        changed = json.loads(answer.body) | {"newOrder": "https://169.254.169.254/latest"}
        return Answer(200, json.dumps(changed).encode(), {"Content-Type": "application/json"})

    proxy.after = lead_inside
    assert failure(wanted("example.test", account=proxied)).code == "acme.url_refused"


def without_key_identifier(csr: str, folder: Path) -> str:
    """A certificate that renewal information has no name for (RFC 9773 §4.1)."""
    # Signed with the key of the request, which stands in the folder since it was made.
    return authority.openssl("x509", "-req", "-signkey", str(folder / "request.key"), stdin=csr)


def test_renewal_information_is_asked_for_where_the_ca_has_it(
    proxy: AcmeProxy, proxied: AccountRef, wanted: Wanted, tmp_path: Path
) -> None:
    issued = client.issue(wanted("ari.example.test", account=proxied), Recorder())
    [(absent, again)] = client.renewal_windows(proxied, cert_pems=[issued.cert])
    assert absent is None
    assert again.tzinfo is not None
    start = datetime(2030, 1, 1, tzinfo=UTC)
    window = {"start": "2030-01-01T00:00:00Z", "end": "2030-01-02T00:00:00Z"}
    ari = Answer(200, json.dumps({"suggestedWindow": window}).encode(), {"Retry-After": "3600"})
    asked = [Answer(404, b"{}"), ari]

    def offer(method: str, path: str, answer: Answer) -> Answer | None:
        if path.startswith("/ari/"):
            return asked.pop()
        if path != "/dir":
            return None
        changed = json.loads(answer.body) | {"renewalInfo": f"{proxy.base}/ari"}
        return Answer(200, json.dumps(changed).encode(), {"Content-Type": "application/json"})

    proxy.after = offer
    bare = without_key_identifier(wanted("ari.example.test").csr_pem, tmp_path)
    (at, poll), (failed, _), (unnamed, _) = client.renewal_windows(
        proxied, cert_pems=[issued.cert, issued.cert, bare]
    )
    assert at is not None
    assert start <= at <= start + timedelta(days=1)
    assert timedelta(minutes=58) < poll - datetime.now(UTC) <= timedelta(hours=1)
    assert (failed, unnamed, asked) == (None, None, [])


def test_a_dns_server_that_never_answers_is_given_up_soon(
    wanted: Wanted, dns_server: Bind, silent_server: socket.socket
) -> None:
    port = str(silent_server.getsockname()[1])
    values = CATALOGUE["rfc2136"].validate(dns_server.credentials() | {"port": port})
    names = [f"{number}.example.test" for number in range(5)]
    request = wanted(*names, proof=render(CATALOGUE["rfc2136"], values, 0), dns_timeout=1)
    watch = Recorder()
    error = failure(request, watch)
    assert (error.code, error.retryable) == ("acme.dns_unreachable", True)
    assert len(watch.orders) == 1
    # Asked once to publish and once to clean up: not again for each name.
    silent_server.setblocking(False)
    connections = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            silent_server.accept()[0].close()
            connections += 1
    assert connections == 2


def test_a_dns_server_that_is_down_is_tried_again(wanted: Wanted, dns_server: Bind) -> None:
    values = CATALOGUE["rfc2136"].validate(dns_server.credentials() | {"port": str(free_port())})
    # A name of its own: the CA may still hold a valid authorization for one that others proved.
    name = "down.example.test"
    request = wanted(name, proof=render(CATALOGUE["rfc2136"], values, 0), dns_timeout=1)
    assert failure(request).code == "acme.dns_unreachable"


@pytest.mark.parametrize("change", [{"tsig_secret": "d3Jvbmcgc2VjcmV0"}, {"tsig_key": "stranger"}])
def test_wrong_dns_credentials_are_permanent(
    wanted: Wanted, dns_server: Bind, change: dict[str, str]
) -> None:
    values = CATALOGUE["rfc2136"].validate(dns_server.credentials() | change)
    watch = Recorder()
    error = failure(wanted("example.test", proof=render(CATALOGUE["rfc2136"], values, 0)), watch)
    assert (error.code, error.retryable) == ("acme.dns_credentials", False)
    assert values["tsig_secret"] not in watch.logged + error.detail


def test_a_name_in_no_zone_of_the_dns_account_is_permanent(wanted: Wanted) -> None:
    error = failure(wanted("www.elsewhere.test"))
    assert (error.code, error.retryable) == ("acme.dns_zone", False)
    assert "elsewhere.test" in error.detail
