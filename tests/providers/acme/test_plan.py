"""What the child is asked: pure, so that it can be read without running anything."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from providers.acme import catalogue, plan
from providers.acme.account import AccountRef
from providers.acme.client import reason_number
from providers.acme.plan import HTTP01_AUTHENTICATOR, IssueRequest, plan_issue
from providers.dns.catalogue import CATALOGUE
from providers.dns.render import Rendered, render

ACCOUNT = AccountRef("https://ca.test/dir", "KEY PEM", "https://ca.test/account/1", "ROOT PEM")


def test_no_secret_is_an_argument_of_certbot() -> None:
    proof = render(CATALOGUE["cloudflare"], {"api_token": "the-token"}, 7)
    wish = plan_issue(IssueRequest(ACCOUNT, "CSR PEM", "dns-01", proof))
    assert "the-token" not in json.dumps(wish["argv"])
    assert wish["files"][0]["option"] == "--dns-cloudflare-credentials"
    assert "the-token" in wish["files"][0]["content"]
    assert wish["argv"][-2:] == ["--dns-cloudflare-propagation-seconds", "0"]
    assert wish["publication"]["wait"] == 7
    assert wish["secrets"] == ["KEY PEM", "the-token"]


def test_paths_are_relative_to_a_workspace_that_is_not_known_yet() -> None:
    argv = plan_issue(IssueRequest(ACCOUNT, "CSR PEM", "http-01"))["argv"]
    assert not any(argument.startswith("/") for argument in argv)
    for option in ("--config-dir", "--work-dir", "--logs-dir", "--cert-path", "--chain-path"):
        assert option in argv


def test_http_01_uses_our_own_authenticator_and_no_dns_account() -> None:
    proof = Rendered("dns-x", "certbot-dns-x", secrets=("s3cret",))
    wish = plan_issue(IssueRequest(ACCOUNT, "CSR PEM", "http-01", proof))
    assert (wish["authenticator"], wish["files"]) == (HTTP01_AUTHENTICATOR, [])


def test_dns_01_without_a_dns_account_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="dns-01"):
        plan_issue(IssueRequest(ACCOUNT, "CSR PEM", "dns-01"))


def test_a_preferred_chain_is_passed_on() -> None:
    argv = plan_issue(IssueRequest(ACCOUNT, "CSR", "http-01", preferred_chain="Root X"))["argv"]
    assert argv[argv.index("--preferred-chain") + 1] == "Root X"


def test_the_binding_is_secret_and_absent_without_a_key_id() -> None:
    bound = plan.plan_register(ACCOUNT, email="", eab_kid="kid", eab_hmac_key="hmac-key")
    assert bound["eab"] == {"kid": "kid", "hmac_key": "hmac-key"}
    assert "hmac-key" in bound["secrets"]
    assert plan.plan_register(ACCOUNT, email="", eab_kid="", eab_hmac_key="")["eab"] is None


def test_keys_do_not_show_in_representations() -> None:
    proof = render(CATALOGUE["cloudflare"], {"api_token": "the-token"})
    shown = repr(IssueRequest(ACCOUNT, "CSR PEM", "dns-01", proof))
    assert "KEY PEM" not in shown
    assert "the-token" not in shown


def test_reasons_leave_out_what_the_standard_does_not_use() -> None:
    assert sorted(plan.REVOCATION_REASONS.values()) == [0, 1, 2, 3, 4, 5, 6, 9, 10]
    assert reason_number("cessationOfOperation") == 5


def test_every_ca_of_the_catalogue_is_complete() -> None:
    for slug, ca in catalogue.CATALOGUE.items():
        assert ca.slug == slug
        assert ca.label
        assert ca.key_types
        assert ca.docs_url.startswith("https://")
        assert ca.directory_url.startswith("https://") or slug in ("acme", "step-ca")
        assert ca.types
        assert all(limit.count > 0 for limit in ca.limits)
        assert not ca.directory_hosts or ca.directory_url.count(ca.directory_hosts[0])


def test_importing_the_client_imports_neither_certbot_nor_its_libraries() -> None:
    script = (
        "import sys, providers.acme.client, providers.dns.catalogue, providers.dns.zones\n"
        "heavy = {'certbot', 'acme', 'josepy', 'requests', 'cryptography', 'django'}\n"
        "sys.exit(repr(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)\n"
    )
    root = Path(plan.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
