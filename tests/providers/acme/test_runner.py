"""The isolated child: what it may know, how it ends, and what an interrupted order leaves."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from certmate.core.errors import LeaseLost, UpstreamRejected, UpstreamUnavailable
from providers.acme import client, plan
from providers.acme.account import AccountRef
from providers.acme.plan import IssueRequest, Share
from providers.acme.runner import run
from providers.acme.workspace import PREFIX, sweep_workspaces
from providers.dns.catalogue import CATALOGUE
from providers.dns.render import Hooks, Rendered, render
from tests.providers.acme.conftest import Recorder, children, is_running
from tests.servers.acme_proxy import AcmeProxy, problem
from tests.servers.bind import Bind
from tests.servers.pebble import Pebble

pytestmark = pytest.mark.integration

Wanted = Callable[..., IssueRequest]


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def workspaces() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"{PREFIX}*"))


def test_secrets_stand_in_no_process_list_environment_or_file(
    wanted: Wanted, proof: Rendered, account: AccountRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CERTMATE_MASTER_KEY", "the-master-key")
    monkeypatch.setenv("UNRELATED", "of-the-worker")
    seen: list[bytes] = []

    class Spy(Recorder):
        def step(self, message: str) -> None:
            super().step(message)
            [child] = children()
            process = Path(f"/proc/{child}")
            seen.append((process / "cmdline").read_bytes() + (process / "environ").read_bytes())
            home = Path((process / "cwd").readlink())
            if home.name.startswith(PREFIX):
                assert home.stat().st_mode & 0o077 == 0
                files = [f for f in home.rglob("*") if f.is_file() and f.name != "private_key.json"]
                seen.extend(f.read_bytes() for f in files)

    client.issue(wanted("spied.example.test"), Spy())
    assert len(seen) > 8
    assert any(b"letsencrypt" in text or b"BEGIN CERTIFICATE REQUEST" in text for text in seen)
    secrets = [*proof.secrets, account.key_pem.splitlines()[1], "the-master-key", "of-the-worker"]
    for secret in secrets:
        assert not any(secret.encode() in text for text in seen)


def test_the_child_that_is_killed_is_an_interruption_and_the_next_attempt_succeeds(
    ca: Pebble, wanted: Wanted, dns_server: Bind
) -> None:
    class Killer(Recorder):
        def order_created(self, url: str) -> None:
            super().order_created(url)
            os.kill(children()[0], signal.SIGKILL)

    before, watch, request = ca.issued(), Killer(), wanted("killed.example.test")
    with pytest.raises(UpstreamUnavailable) as caught:
        client.issue(request, watch)
    assert caught.value.code == "acme.interrupted"
    assert workspaces() == []
    client.issue(replace(request, resume_url=watch.orders[0]), Recorder())
    assert ca.issued() == before + 1


def test_a_certificate_that_was_issued_already_is_fetched_and_not_ordered_again(
    ca: Pebble, wanted: Wanted
) -> None:
    watch, request = Recorder(), wanted("lost.example.test")
    first = client.issue(request, watch)
    before, again = ca.issued(), Recorder()
    assert client.issue(replace(request, resume_url=watch.orders[0]), again) == first
    assert ca.issued() == before
    assert again.orders == []


def test_an_order_that_only_waits_for_the_request_is_finished(
    ca: Pebble, proxy: AcmeProxy, proxied: AccountRef, wanted: Wanted
) -> None:
    failing = [problem("serverInternal", "try later", status=500)]
    proxy.before = lambda method, path: (
        failing.pop() if path.startswith("/finalize") and failing else None
    )
    watch, request = Recorder(), wanted("ready.example.test", account=proxied)
    with pytest.raises(UpstreamUnavailable) as caught:
        client.issue(request, watch)
    assert caught.value.code == "acme.server_error"
    before, again = ca.issued(), Recorder()
    client.issue(replace(request, resume_url=watch.orders[0]), again)
    assert ca.issued() == before + 1
    assert proxy.count("POST", "/order-plz") == 1
    assert again.steps == ["Finishing the earlier order"]


def test_an_earlier_order_for_another_key_is_not_taken(ca: Pebble, wanted: Wanted) -> None:
    watch = Recorder()
    client.issue(wanted("rekeyed.example.test"), watch)
    before = ca.issued()
    client.issue(wanted("rekeyed.example.test", resume_url=watch.orders[0]), Recorder())
    assert ca.issued() == before + 1


def test_an_earlier_order_that_the_ca_does_not_know_is_replaced(
    account: AccountRef, wanted: Wanted
) -> None:
    gone = account.directory_url.replace("/dir", "/my-order/unknown")
    assert client.issue(wanted("gone.example.test", resume_url=gone), Recorder()).cert


def test_what_the_watch_raises_ends_the_child_and_comes_out(
    wanted: Wanted, dns_server: Bind
) -> None:
    class Loser(Recorder):
        def order_created(self, url: str) -> None:
            self.child = children()[0]

        def tick(self) -> None:
            # Not before the record is there, which then has to be removed.
            if dns_server.texts("_acme-challenge.lease.example.test"):
                raise LeaseLost("another worker has it")

    watch = Loser()
    request = wanted("lease.example.test")
    assert request.proof is not None
    patient = replace(request.proof, arguments=("--dns-rfc2136-propagation-seconds", "60"))
    with pytest.raises(LeaseLost):
        client.issue(replace(request, proof=patient), watch)
    assert not is_running(watch.child)
    assert dns_server.texts("_acme-challenge.lease.example.test") == []
    assert workspaces() == []


def test_an_answer_that_cannot_be_stored_ends_the_child(
    account: AccountRef, csr: Callable[..., str]
) -> None:
    class Failing(Recorder):
        def present(self, token: str, key_authorization: str) -> None:
            self.child = children()[0]
            raise LeaseLost("the database says so")

    watch = Failing()
    with pytest.raises(LeaseLost):
        client.issue(IssueRequest(account, csr("www.example.test"), "http-01"), watch)
    assert not is_running(watch.child)


def test_the_hard_limit_ends_everything_that_a_hook_has_started(
    wanted: Wanted, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    hook = tmp_path / "hang"
    deaf = "trap '' TERM"
    hook.write_text(
        f"#!/bin/sh\n{deaf}\nsleep 600 & echo $$ $! > {pids}.new\nmv {pids}.new {pids}\nwait\n"
    )
    hook.chmod(0o700)
    hanging = Rendered("manual", "certbot", hooks=Hooks("hang", ""))
    request = plan.plan_issue(wanted("hung.example.test", proof=hanging, hooks_dir=str(tmp_path)))
    watch = Recorder()
    with pytest.raises(UpstreamUnavailable) as caught:
        run(request, watch=watch, timeout=timedelta(seconds=4), grace=timedelta(seconds=1))
    assert caught.value.code == "acme.timeout"
    started = [int(pid) for pid in pids.read_text().split()]
    assert len(started) == 2
    until(lambda: not any(is_running(pid) for pid in started), 5)
    assert workspaces() == []


@pytest.mark.parametrize(
    "names", [("orphan.example.test",), ("lost.example.test", "lost.other.test")]
)
def test_a_worker_that_is_killed_takes_its_children_along_and_their_records(
    names: tuple[str, ...], wanted: Wanted, dns_server: Bind, tmp_path: Path, scratch: Path
) -> None:
    request = wanted(*names)
    assert request.proof is not None

    def published() -> list[str]:
        return [text for name in names for text in dns_server.texts(f"_acme-challenge.{name}")]

    worker = tmp_path / "worker.py"
    worker.write_text(
        "import json, sys\nfrom providers.acme.runner import Unwatched, run\n"
        "run(json.load(sys.stdin), watch=Unwatched())\n"
    )
    patient = replace(request.proof, arguments=("--dns-rfc2136-propagation-seconds", "60"))
    shares = [Share(name, (name,), patient, request.publication) for name in names]
    several = tuple(shares) if len(shares) > 1 else ()
    wish = plan.plan_issue(replace(request, proof=patient, shares=several))
    root = Path(plan.__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "TMPDIR": str(scratch)}
    with subprocess.Popen(
        [sys.executable, str(worker)], stdin=subprocess.PIPE, env=environment
    ) as process:
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps(wish).encode())
            process.stdin.close()
            until(lambda: len(published()) == len(names))
            assert len(workspaces()) == 1
            assert sweep_workspaces(timedelta(0)) == 0
        finally:
            process.kill()
    until(lambda: published() == [], 10)
    until(lambda: sweep_workspaces(timedelta(0)) == 1, 5)
    assert workspaces() == []


def test_a_hook_script_publishes_with_an_environment_of_its_own(
    wanted: Wanted, dns_server: Bind, tmp_path: Path
) -> None:
    script = (
        '#!/bin/sh\n[ "$CERTBOT_DOMAIN" = bad.example.test ] && exit 0\n'
        "printf 'server 127.0.0.1 %s\\nkey hmac-sha256:certmate %s\\nupdate VERB "
        '_acme-challenge.%s. TXT "%s"\\nsend\\n\' $HOOK_PORT $HOOK_KEY'
        " $CERTBOT_DOMAIN $CERTBOT_VALIDATION | nsupdate\n"
    )
    for name, verb in (("add", "add"), ("remove", "delete")):
        ttl = "" if verb == "delete" else " 1"
        text = script.replace("VERB", verb).replace("%s. TXT", f"%s.{ttl} TXT")
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o700)
    values = {
        "auth_hook": "add",
        "cleanup_hook": "remove",
        "environment": f"HOOK_PORT={dns_server.port}\nHOOK_KEY={dns_server.key_secret}\n",
    }
    scripted = render(CATALOGUE["script"], CATALOGUE["script"].validate(values))
    request = wanted("hook.example.test", proof=scripted, hooks_dir=str(tmp_path))
    assert client.issue(request, Recorder()).cert
    assert dns_server.texts("_acme-challenge.hook.example.test") == []

    partly = wanted("hook.example.test", "bad.example.test", "good.example.test", proof=scripted)
    with pytest.raises(UpstreamUnavailable) as caught:
        client.issue(replace(partly, hooks_dir=str(tmp_path)), Recorder())
    assert caught.value.code == "acme.dns_not_visible"
    assert list(caught.value.identifiers) == ["bad.example.test"]


def test_a_hook_script_that_fails_is_told_with_its_last_words(
    wanted: Wanted, tmp_path: Path
) -> None:
    (tmp_path / "fail").write_text("#!/bin/sh\necho no such zone, key $HOOK_KEY >&2\nexit 3\n")
    (tmp_path / "fail").chmod(0o700)
    values = {"auth_hook": "fail", "environment": "HOOK_KEY=canary-value"}
    failing = render(CATALOGUE["script"], CATALOGUE["script"].validate(values))
    watch = Recorder()
    with pytest.raises(UpstreamRejected) as caught:
        client.issue(wanted("x.example.test", proof=failing, hooks_dir=str(tmp_path)), watch)
    assert caught.value.code == "acme.dns_hook"
    assert "status 3. no such zone, key ********" in caught.value.detail
    assert "canary-value" not in watch.logged


@pytest.mark.parametrize("name", ["missing", "folder", "plain", "link", "../escape"])
def test_a_hook_script_must_be_an_executable_file_in_its_folder(
    wanted: Wanted, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "hooks"
    (folder / "folder").mkdir(parents=True)
    (folder / "plain").write_text("#!/bin/sh\n")
    (folder / "link").symlink_to("/bin/true")
    (tmp_path / "escape").symlink_to("/bin/true")
    proof = Rendered("manual", "certbot", hooks=Hooks(name, ""))
    watch = Recorder()
    with pytest.raises(UpstreamRejected) as caught:
        client.issue(wanted("x.example.test", proof=proof, hooks_dir=str(folder)), watch)
    assert caught.value.code == "acme.dns_hook"
    assert watch.orders == []


def test_a_plugin_that_is_not_installed_is_named_by_its_package(wanted: Wanted) -> None:
    absent = Rendered("dns-nowhere", "certbot-dns-nowhere")
    with pytest.raises(UpstreamRejected) as caught:
        client.issue(wanted("x.example.test", proof=absent), Recorder())
    assert caught.value.code == "acme.plugin_missing"
    assert "pip install certbot-dns-nowhere" in caught.value.detail
