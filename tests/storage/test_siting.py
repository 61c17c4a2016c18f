"""Where a target may be and as whom it signs in: no place twice, and the machine for few."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from certmate.access.actors import Actor
from certmate.core.errors import AccessDenied, Conflict
from certmate.core.parameters import validate
from storage import services
from storage.backends.spelling import address_of
from storage.catalogue import CATALOGUE
from storage.models import StorageTarget
from storage.services.siting import place_of
from tests.caller import Caller, problem
from tests.cast import Cast, by_token, confined

pytestmark = pytest.mark.django_db

SYSTEM = Actor.system()
PATH = "/api/storage-targets"
KEYS = {"access_key_id": "id", "secret_access_key": "key"}
ROLE = {"use_ambient_credentials": "true"}
STORE = {"bucket": "keys", "endpoint_url": "https://store.example.com", **KEYS}
BUCKET = {"bucket": "keys", **KEYS}
VAULT = {"url": "https://vault.example.com:8200", "token": "t"}
AZURE = {
    "vault_url": "https://name.vault.azure.net",
    "tenant_id": "t",
    "client_id": "c",
    "client_secret": "s",
}
INFISICAL = {"client_id": "c", "client_secret": "s", "project_id": "abc"}


@pytest.fixture
def stranger(cast: Cast) -> User:
    """Somebody who may make and change targets, below his own team alone."""
    confined(cast.outsider, "strangers", "view", "add", "change")
    return cast.outsider


def make(name: str, backend: str, parameters: dict[str, str], actor: Actor = SYSTEM) -> Any:
    team = "" if actor == SYSTEM else "strangers"
    return services.create_target(
        actor=actor, name=name, backend=backend, parameters=parameters, team=team
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://store.example.com/",
        "https://store.example.com//./",
        "HTTPS://Store.Example.COM",
        "https://store.example.com:443",
        "https://store.example.com:",
        "https://store.example.com.",
        "https://%73tore.example.com",
        "https://@store.example.com",
        "https://store.example.com/x/..",
        "https://store.example.com?x=y",
        "https://store.example.com#x",
        "http://store.example.com",
        "https://store\u3002example.com",
    ],
)
def test_an_address_is_the_same_however_it_is_spelt(url: str) -> None:
    assert address_of(url) == address_of("https://store.example.com")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://127.1:9000", "http://127.0.0.1:9000"),
        ("http://0x7f000001:9000", "http://127.0.0.1:9000"),
        ("http://[::ffff:127.0.0.1]:9000", "http://127.0.0.1:9000"),
        ("http://[0:0:0:0:0:0:0:1]", "http://[::1]"),
        ("https://münchen.example", "https://xn--mnchen-3ya.example"),
    ],
)
def test_a_host_is_the_same_in_each_of_its_forms(one: str, other: str) -> None:
    assert address_of(one) == address_of(other)


SAME = [
    ("s3", STORE, {"endpoint_url": "https://store.example.com/"}),
    ("s3", STORE, {"region": "eu-central-1"}),
    (
        "s3",
        STORE,
        {
            "endpoint_url": "https://store.example.com/keys",
            "bucket": "certmate",
            "prefix": "certificates",
        },
    ),
    ("s3", STORE, {"prefix": "certmate/./certificates"}),
    ("s3", BUCKET, {"region": "eu-central-1"}),
    ("s3", BUCKET, {"endpoint_url": "https://s3.amazonaws.com"}),
    ("s3", BUCKET, {"endpoint_url": "https://s3.eu-central-1.amazonaws.com/"}),
    ("s3", BUCKET, {"endpoint_url": "https://s3.dualstack.eu-central-1.amazonaws.com"}),
    ("s3", BUCKET, {"endpoint_url": "https://bucket.vpce-1a-2b.s3.us-east-1.vpce.amazonaws.com"}),
    (
        "s3",
        BUCKET,
        {
            "endpoint_url": "https://keys.s3.eu-central-1.amazonaws.com",
            "bucket": "certmate",
            "prefix": "certificates",
        },
    ),
    (
        "aws-secrets-manager",
        KEYS,
        {"endpoint_url": "https://secretsmanager.us-east-1.amazonaws.com"},
    ),
    ("aws-secrets-manager", KEYS, {"region": "US-EAST-1"}),
    ("vault", VAULT, {"url": "https://VAULT.example.com:8200//"}),
    ("vault", VAULT, {"namespace": "root"}),
    ("vault", VAULT, {"mount": "secret/certmate", "path": "certificates"}),
    ("vault", VAULT | {"namespace": "ops"}, {"namespace": "", "mount": "ops/secret"}),
    ("azure-key-vault", AZURE, {"vault_url": "https://NAME.vault.azure.net/"}),
    ("infisical", INFISICAL, {"site_url": "https://app.infisical.com/"}),
    ("infisical", INFISICAL, {"site_url": "https://us.infisical.com"}),
    ("infisical", INFISICAL, {"project_id": "ABC", "environment": "PROD"}),
]


@pytest.mark.parametrize(("backend", "given", "change"), SAME)
def test_another_spelling_is_no_place_of_its_own(
    backend: str, given: dict[str, str], change: dict[str, str]
) -> None:
    make("one", backend, given)
    with pytest.raises(Conflict) as caught:
        make("other", backend, given | change)
    assert caught.value.code == "storage.same_place"


@pytest.mark.parametrize(
    ("backend", "given", "change"),
    [
        ("s3", STORE, {"endpoint_url": "https://store.example.com:9000"}),
        ("s3", STORE, {"endpoint_url": "https://store2.example.com"}),
        ("s3", STORE, {"bucket": "other"}),
        ("s3", BUCKET, STORE),
        ("s3", BUCKET, {"prefix": "Certmate/certificates"}),
        ("s3", BUCKET, {"region": "cn-north-1"}),
        ("aws-secrets-manager", KEYS, {"region": "eu-central-1"}),
        ("aws-secrets-manager", KEYS, {"prefix": "other"}),
        ("vault", VAULT, {"mount": "kv"}),
        ("vault", VAULT, {"namespace": "ops"}),
        ("azure-key-vault", AZURE, {"vault_url": "https://other.vault.azure.net"}),
        ("infisical", INFISICAL, {"site_url": "https://eu.infisical.com"}),
    ],
)
def test_other_places_stay_apart(
    backend: str, given: dict[str, str], change: dict[str, str]
) -> None:
    spec = CATALOGUE[backend]
    first, second = (
        validate(spec.parameters, values, field="parameters") for values in (given, given | change)
    )
    assert place_of(spec, first) != place_of(spec, second)


def test_another_spelling_is_no_move() -> None:
    """A target that nobody can ask whether it is empty, because nobody answers there."""
    made = make("one", "vault", VAULT)
    StorageTarget.objects.update(verified_at="2026-01-01T00:00:00Z")
    made.refresh_from_db()
    changed = VAULT | {"url": f"{VAULT['url']}/"}
    assert (
        services.update_target(actor=SYSTEM, target=made, parameters=changed)
        .parameters["url"]
        .endswith("/")
    )


def test_who_has_a_place_is_told_to_who_may_see_it(stranger: User, cast: Cast) -> None:
    make("kestrel", "local", {"path": "certificates-x"})
    wish = {"name": "x", "backend": "local", "parameters": {"path": "certificates-x"}}
    refused = Caller(stranger).post(PATH, **wish, team="strangers")
    problem(refused, 409, "storage.same_place")
    assert b"kestrel" not in refused.content
    assert b"kestrel" in Caller(cast.owner).post(PATH, **wish).content


MACHINE = [
    ("s3", {"bucket": "keys", **ROLE}),
    ("s3", {"bucket": "keys", "endpoint_url": "https://store.example.com", **ROLE}),
    ("s3", {"bucket": "keys", "profile": "ops"}),
    ("aws-secrets-manager", ROLE),
    ("aws-secrets-manager", {"profile": "ops"}),
    ("azure-key-vault", {"vault_url": AZURE["vault_url"], "auth": "managed-identity"}),
    ("vault", {"url": VAULT["url"], "auth": "kubernetes", "role": "certmate"}),
    ("vault", {"url": VAULT["url"], "auth": "approle", "role_id": "certmate"}),
]
OWN = {
    "s3": STORE,
    "aws-secrets-manager": KEYS,
    "azure-key-vault": AZURE,
    "vault": VAULT,
}


@pytest.mark.parametrize(("backend", "given"), MACHINE)
def test_the_machine_signs_in_on_the_word_of_who_may_change_all_targets(
    stranger: User, cast: Cast, backend: str, given: dict[str, str]
) -> None:
    actor = Actor.of(stranger)
    with pytest.raises(AccessDenied) as caught:
        make("x", backend, given, actor)
    assert caught.value.code == "storage.machine"
    own = make("own", backend, OWN[backend], actor)
    with pytest.raises(AccessDenied) as caught:
        services.update_target(actor=actor, target=own, parameters=given)
    assert caught.value.code == "storage.machine"
    own.refresh_from_db()
    assert not CATALOGUE[backend].as_machine(own.parameters)
    services.delete_target(actor=SYSTEM, target=own)
    assert make("y", backend, given, by_token(cast.owner, "admin"))


def test_a_target_of_the_machine_is_led_nowhere_else_by_a_grant_on_it(stranger: User) -> None:
    made = services.create_target(
        actor=SYSTEM,
        name="x",
        backend="s3",
        parameters=STORE | ROLE | dict.fromkeys(KEYS, ""),
        team="strangers",
    )
    actor = Actor.of(stranger)
    with pytest.raises(AccessDenied) as caught:
        services.update_target(
            actor=actor, target=made, parameters=made.parameters | {"prefix": "other"}
        )
    assert caught.value.code == "storage.machine"
    services.update_target(actor=actor, target=made, parameters=made.parameters, name="renamed")
    assert StorageTarget.objects.get(pk=made.pk).name == "renamed"
