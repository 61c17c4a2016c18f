"""Bundles that CertMate 2.x has left, found and read at each kind of place where it kept them."""

from dataclasses import replace
from pathlib import Path

import pytest

from certmate.core.errors import IntegrityFault, NotFound
from storage.backends.base import BundleRef, OwnPlaces
from storage.backends.local import LocalBackend
from tests.servers.azure_kv import KeyVault
from tests.storage import leftovers, places
from tests.storage.bundles import issue

DOMAINS = ("www.example.com", "my-app.example.com")


@pytest.mark.parametrize("case", leftovers.CASES)
def test_they_are_found_beside_our_own(
    case: str, request: pytest.FixtureRequest, own_places: OwnPlaces
) -> None:
    given = places.parameters(case, request)
    backend = places.build(case, given, own_places)
    # Secrets Manager could keep no name with a star.
    domains = DOMAINS if case == "aws-secrets-manager" else (*DOMAINS, "*.example.com")
    left = {domain: issue(domain) for domain in domains}
    for domain, bundle in left.items():
        leftovers.leave(case, request, given, domain, bundle)
    own = BundleRef("server", "own.example.com")
    backend.put(own, issue(own.name))
    assert sorted(backend.legacy()) == sorted(domains)
    assert list(backend.list()) == [own]
    for domain, bundle in left.items():
        found = backend.get_legacy(domain)
        assert replace(found, chain=found.chain.strip()) == replace(
            bundle, chain=bundle.chain.strip()
        )
    with pytest.raises(NotFound):
        backend.get_legacy("other.example.com")


def test_where_it_never_was_there_is_nothing_of_it(own_places: OwnPlaces) -> None:
    assert list(own_places.database.legacy()) == []
    with pytest.raises(NotFound):
        own_places.database.get_legacy("www.example.com")


def test_a_certificate_object_is_read_by_its_secret(
    azure_server: KeyVault, own_places: OwnPlaces
) -> None:
    backend = places.build("azure-key-vault", azure_server.parameters, own_places)
    bundle = issue("*.example.com")
    leftovers.as_object(azure_server, "*.example.com", bundle)
    assert list(backend.legacy()) == ["*.example.com"]
    found = backend.get_legacy("*.example.com")
    assert (found.fingerprint, found.privkey) == (bundle.fingerprint, bundle.privkey)
    assert found.chain == bundle.chain
    assert (found.metadata["ca_provider"], found.metadata["staging"]) == ("letsencrypt", True)


def test_a_folder_of_another_program_is_none_of_its(local: LocalBackend, root: Path) -> None:
    leftovers.in_folder(root, "www.example.com", issue())
    (root / "empty.example.com").mkdir()
    (root / "not a name").mkdir()
    (root / "not a name" / "cert.pem").write_text("x")
    (root / "elsewhere").symlink_to(root / "www.example.com")
    assert list(local.legacy()) == ["www.example.com"]


def test_what_cannot_be_read_is_damaged_and_repeats_nothing(
    local: LocalBackend, root: Path
) -> None:
    leftovers.in_folder(root, "www.example.com", issue())
    (root / "www.example.com" / "metadata.json").write_text("{secret-canary")
    with pytest.raises(IntegrityFault) as raised:
        local.get_legacy("www.example.com")
    assert raised.value.code == "storage.damaged"
    assert "canary" not in repr(raised.value.__context__ or raised.value)
