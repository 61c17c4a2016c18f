"""Every entry of the catalogue, with certbot and the plugin that the entry names."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from certmate.core.errors import InvalidRequest
from providers.acme import failures
from providers.acme.plan import ProbeRequest, Publication, plan_probe
from providers.acme.redaction import Redactor
from providers.dns.catalogue import CATALOGUE
from providers.dns.provider import DNSProvider
from providers.dns.render import Rendered, render
from tests.providers.dns.samples import credentials, name_at

PROJECT = Path(__file__).resolve().parents[3]
# Fetched by plugins that ask which part of a name is a zone.
PUBLIC_SUFFIXES = ("publicsuffix.org", "raw.githubusercontent.com")
# How a call that did not go through the proxy is told.
SIGNS_OF_A_CALL = (
    *("dial tcp", "dial udp", "Unable to find the server"),
    *("The DNS operation timed out", "It ended with status 3"),
)

every_entry = pytest.mark.parametrize("provider", CATALOGUE.values(), ids=list(CATALOGUE))


def rendered(provider: DNSProvider) -> Rendered:
    return render(provider, provider.validate(credentials(provider)), 0)


def request(provider: DNSProvider, hooks: Path) -> dict[str, Any]:
    """As the child gets it, but for the resolvers, which are not known yet."""
    publication = Publication(resolvers=("RESOLVERS",))
    wanted = plan_probe(
        ProbeRequest(name_at(provider.slug), rendered(provider), str(hooks), 1, publication)
    )
    del wanted["secrets"]
    # acme-dns needs a CNAME, which the name server of this test has not.
    wanted["publication"]["target"] = ""
    return wanted | {"slug": provider.slug}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, dict[str, Any]]:
    """What became of a trial of each entry."""
    hooks = tmp_path_factory.mktemp("hooks")
    for name in ("publish", "remove"):
        (hooks / name).write_text("#!/bin/sh\nexit 3\n")
        (hooks / name).chmod(0o755)
    lines = [json.dumps(request(provider, hooks)) for provider in CATALOGUE.values()]
    done = subprocess.run(
        [sys.executable, "-m", "tests.providers.dns.nursery"],
        cwd=PROJECT,
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=True,
    )
    return {told["slug"]: told for told in map(json.loads, done.stdout.splitlines())}


@every_entry
def test_certbot_takes_the_configuration_up_to_the_first_call(
    provider: DNSProvider, outcomes: Mapping[str, dict[str, Any]]
) -> None:
    told = outcomes[provider.slug]
    words = f"{told['problem'].get('detail', '')} {told['log']}"
    record = f"_acme-challenge.{name_at(provider.slug)}."
    called = [
        host
        for host in told["called"]
        if not host.startswith(PUBLIC_SUFFIXES) and not record.endswith(host)
    ]
    called += [sign for sign in SIGNS_OF_A_CALL if sign in words]
    assert called, words[-2000:]
    # What tries again for minutes was stopped; who it called is known.
    assert told["problem"].get("kind", "dns") in ("dns", "hook"), words[-2000:]


@every_entry
def test_no_secret_is_in_arguments_logs_or_errors(
    provider: DNSProvider, outcomes: Mapping[str, dict[str, Any]]
) -> None:
    proof = rendered(provider)
    redact = Redactor(proof.secrets)
    told = outcomes[provider.slug]
    problem = told["problem"]
    error = failures.to_error(
        {**problem, "detail": redact(problem.get("detail", ""))}, operation="probe"
    )
    wish = plan_probe(ProbeRequest(name_at(provider.slug), proof))
    for secret in proof.secrets:
        for text in (json.dumps(wish["argv"]), redact(told["log"]), error.detail, repr(proof)):
            assert secret not in text
    assert failures.FAILURES[error.code].remedy


@every_entry
def test_what_is_missing_is_refused_by_name(provider: DNSProvider) -> None:
    whole = credentials(provider)
    for parameter in provider.parameters:
        if parameter.required and not parameter.default:
            with pytest.raises(InvalidRequest) as caught:
                provider.validate({k: v for k, v in whole.items() if k != parameter.name})
            assert caught.value.field == f"credentials.{parameter.name}"
    with pytest.raises(InvalidRequest):
        provider.validate(dict.fromkeys(whole, ""))
