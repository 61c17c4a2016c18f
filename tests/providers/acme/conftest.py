"""A real CA and a real DNS server, shared by the tests of this folder, and what they act with."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from providers.acme import client, runner
from providers.acme.account import AccountRef
from providers.acme.plan import IssueRequest
from providers.acme.runner import Unwatched
from providers.dns.catalogue import CATALOGUE
from providers.dns.render import Rendered, render
from tests.servers import authority
from tests.servers.acme_proxy import AcmeProxy, acme_proxy
from tests.servers.bind import Bind, bind
from tests.servers.http01 import Answers, http01_server
from tests.servers.pebble import Pebble, pebble


class Recorder(Unwatched):
    """A watch that keeps what it is told, and serves HTTP-01 answers when it has a server."""

    def __init__(self, answers: Answers | None = None) -> None:
        self.answers = answers
        self.steps: list[str] = []
        self.orders: list[str] = []
        self.logged = ""

    def step(self, message: str) -> None:
        self.steps.append(message)

    def order_created(self, url: str) -> None:
        self.orders.append(url)

    def present(self, token: str, key_authorization: str) -> None:
        assert self.answers is not None
        self.answers.by_token[token] = key_authorization

    def cleanup(self, token: str) -> None:
        assert self.answers is not None
        # Once and only for what was presented.
        del self.answers.by_token[token]

    def log(self, text: str) -> None:
        self.logged = text


def children() -> list[int]:
    """The isolated children of this process."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        pids: list[str] = []
        # A thread of a server may end at this moment.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            pids = (task / "children").read_text().split()
        found += [
            int(p)
            for p in pids
            if b"providers.acme.child" in Path(f"/proc/{p}/cmdline").read_bytes()
        ]
    return found


def is_running(pid: int) -> bool:
    """Whether it runs: a zombie that nobody has reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def names_of(cert: str) -> set[str]:
    """The subject alternative names, as openssl reads them."""
    text = authority.openssl("x509", "-noout", "-ext", "subjectAltName", stdin=cert)
    return {part.strip() for part in text.partition("\n")[2].split(",")}


@pytest.fixture(scope="session")
def dns_server() -> Iterator[Bind]:
    with bind(("example.test", "other.test")) as server:
        yield server


@pytest.fixture(scope="session")
def answers() -> Iterator[Answers]:
    with http01_server() as server:
        yield server


@pytest.fixture(scope="session")
def ca(dns_server: Bind, answers: Answers) -> Iterator[Pebble]:
    with pebble(dns=dns_server.address, http_port=answers.port) as server:
        yield server


@pytest.fixture(scope="session")
def account(ca: Pebble) -> AccountRef:
    """One registered account for all tests that do not test accounts."""
    return new_account(ca)


@pytest.fixture
def proxy(ca: Pebble) -> Iterator[AcmeProxy]:
    with acme_proxy(ca) as server:
        yield server


@pytest.fixture
def proxied(proxy: AcmeProxy, account: AccountRef) -> AccountRef:
    """The account, reaching the CA through the proxy."""
    uri = account.uri.replace(f":{proxy.server.port}/", f":{proxy.port}/")
    return replace(account, directory_url=proxy.directory_url, uri=uri)


@pytest.fixture(scope="session")
def proof(dns_server: Bind) -> Rendered:
    """The DNS account of the real server, in no need to wait."""
    return render(CATALOGUE["rfc2136"], CATALOGUE["rfc2136"].validate(dns_server.credentials()), 0)


@pytest.fixture
def csr(tmp_path: Path) -> Callable[..., str]:
    """Makes a request for names, with a new key."""
    return lambda *names, kind="ec256": authority.request(
        authority.private_key(kind), names, tmp_path
    )


@pytest.fixture
def wanted(
    account: AccountRef, proof: Rendered, csr: Callable[..., str]
) -> Callable[..., IssueRequest]:
    """Makes an order for names through dns-01; any field can be given."""

    def make(*names: str, kind: str = "ec256", **fields: object) -> IssueRequest:
        request = IssueRequest(account, csr(*names, kind=kind), "dns-01", proof)
        return replace(request, **fields)  # type: ignore[arg-type]

    return make


def new_account(ca: Pebble, *, eab: tuple[str, str] = ("", "")) -> AccountRef:
    """A registered account with a key of its own."""
    fresh = AccountRef(ca.directory_url, authority.private_key(), "", ca.trust_pem)
    made = client.register(fresh, email="ops@example.test", eab_kid=eab[0], eab_hmac_key=eab[1])
    return replace(fresh, uri=made.uri)


@pytest.fixture(autouse=True, scope="session")
def _measure_the_child() -> None:
    """Coverage counts what the child does: it finds its settings in this variable."""
    runner._PASSED_ON = (*runner._PASSED_ON, "COVERAGE_PROCESS_CONFIG")


@pytest.fixture(autouse=True)
def scratch(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary directory of this test: what another process leaves is not counted."""
    folder = tmp_path_factory.mktemp("scratch")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture(autouse=True)
def _no_child_stays() -> Iterator[None]:
    """Whatever a test does, its child is gone and reaped at its end."""
    yield
    assert children() == []
