"""The environment and INI transports: the vendors' real SDKs against stand-ins of their APIs."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import boto3  # type: ignore[import-untyped]
import pytest
from moto.server import ThreadedMotoServer

from certmate.core.errors import UpstreamRejected
from providers.acme import client
from providers.acme.account import AccountRef
from providers.acme.plan import IssueRequest
from providers.dns.catalogue import CATALOGUE
from providers.dns.render import Rendered, render
from tests.providers.acme.conftest import Recorder, new_account
from tests.servers.cloudflare import TOKEN, Cloudflare, cloudflare
from tests.servers.pebble import pebble

pytestmark = pytest.mark.integration

Wanted = Callable[..., IssueRequest]


@pytest.fixture(scope="module")
def trusting() -> Iterator[AccountRef]:
    """A CA that takes every proof: it cannot ask these DNS servers."""
    with pebble(always_valid=True) as server:
        yield new_account(server)


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def test_route_53_is_given_its_keys_in_the_environment_of_the_child(
    aws: str, trusting: AccountRef, wanted: Wanted
) -> None:
    keys = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "aws-secret-of-the-test"}
    api = boto3.client("route53", endpoint_url=aws, region_name="us-east-1", **keys)
    zone = api.create_hosted_zone(Name="example.test", CallerReference="1")["HostedZone"]["Id"]
    values = {
        "access_key_id": "AKIDEXAMPLE",
        "secret_access_key": "aws-secret-of-the-test",
        "endpoint_url": aws,
    }
    proof = render(CATALOGUE["route53"], CATALOGUE["route53"].validate(values))
    watch = Recorder()
    request = wanted("example.test", "*.example.test", account=trusting, proof=proof)
    assert client.issue(request, watch).cert
    kinds = [
        record["Type"]
        for record in api.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    ]
    assert "TXT" not in kinds
    assert "aws-secret-of-the-test" not in watch.logged
    with pytest.raises(UpstreamRejected) as caught:
        client.issue(wanted("elsewhere.test", account=trusting, proof=proof), Recorder())
    assert caught.value.code == "acme.dns_zone"


@pytest.fixture
def zone() -> Iterator[Cloudflare]:
    with cloudflare() as stand_in:
        yield stand_in


def cloudflare_proof(zone: Cloudflare, token: str) -> Rendered:
    """As rendered, with the SDK sent to the stand-in."""
    proof = render(
        CATALOGUE["cloudflare"], CATALOGUE["cloudflare"].validate({"api_token": token}), 0
    )
    return replace(proof, environment={"CLOUDFLARE_BASE_URL": zone.url})


def test_cloudflare_publishes_and_removes_with_a_token(
    zone: Cloudflare, trusting: AccountRef, wanted: Wanted
) -> None:
    proof = cloudflare_proof(zone, TOKEN)
    assert client.issue(
        wanted("example.test", "*.example.test", account=trusting, proof=proof), Recorder()
    ).cert
    assert len(set(zone.created)) == 2
    assert zone.records == {}


def test_cloudflare_refusing_the_token_is_permanent(
    zone: Cloudflare, trusting: AccountRef, wanted: Wanted
) -> None:
    watch, names = Recorder(), ("example.test", "a.example.test", "b.example.test")
    proof = cloudflare_proof(zone, "a-token-that-is-wrong")
    with pytest.raises(UpstreamRejected) as caught:
        client.issue(wanted(*names, account=trusting, proof=proof), watch)
    assert caught.value.code == "acme.dns_credentials"
    # Once to publish and once to clean up after that: the other names were never tried.
    assert zone.asked == 2
    assert "a-token-that-is-wrong" not in caught.value.detail + watch.logged
