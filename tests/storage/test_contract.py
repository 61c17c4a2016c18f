"""What every entry of the catalogue promises, asked of each of them."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from certmate.core.errors import Conflict, InvalidRequest, NotFound
from storage.backends.base import Backend, BundleRef
from storage.catalogue import CATALOGUE, choices
from tests.storage.bundles import issue, without_key
from tests.storage.places import CASES

REF = BundleRef("server", "www.example.com")
WILDCARD = BundleRef("server", "*.example.com")


def test_the_catalogue_is_keyed_by_slug_and_gives_the_choices() -> None:
    assert choices() == [(slug, spec.label) for slug, spec in CATALOGUE.items()]
    assert all(slug == spec.slug for slug, spec in CATALOGUE.items())


def test_the_contract_is_asked_of_every_entry() -> None:
    assert set(CASES.values()) == set(CATALOGUE)


@pytest.mark.parametrize("slug", sorted(CATALOGUE))
def test_every_location_is_a_declared_parameter(slug: str) -> None:
    spec = CATALOGUE[slug]
    assert set(spec.location) <= {parameter.name for parameter in spec.parameters}


def test_what_is_put_comes_back_equal(backend: Backend) -> None:
    bundle = issue()
    backend.put(REF, bundle)
    assert backend.get(REF) == bundle
    assert backend.get(REF, bundle.fingerprint) == bundle


def test_a_bundle_without_key_has_none_afterwards(backend: Backend) -> None:
    bundle = without_key(issue())
    backend.put(REF, bundle)
    assert backend.get(REF) == bundle


def test_a_second_version_becomes_current_and_the_first_stays(backend: Backend) -> None:
    first, second = issue(), issue()
    backend.put(REF, first)
    backend.put(REF, second)
    assert backend.get(REF) == second
    assert backend.get(REF, first.fingerprint) == first
    assert sorted(backend.versions(REF)) == sorted([first.fingerprint, second.fingerprint])


def test_putting_an_older_version_again_makes_it_current(backend: Backend) -> None:
    first, second = issue(), issue()
    for bundle in (first, second, first):
        backend.put(REF, bundle)
    assert backend.get(REF) == first
    assert len(backend.versions(REF)) == 2


def test_current_may_change_between_versions_with_and_without_key(backend: Backend) -> None:
    ours, theirs = issue(), without_key(issue())
    for bundle in (ours, theirs, ours, theirs):
        backend.put(REF, bundle)
        assert backend.get(REF) == bundle


def test_a_repeated_put_changes_nothing(backend: Backend) -> None:
    bundle = issue()
    backend.put(REF, bundle)
    backend.put(REF, replace(bundle, metadata={"domain": "other"}))
    assert backend.get(REF) == bundle
    assert backend.versions(REF) == [bundle.fingerprint]


def test_white_space_around_a_part_is_no_difference(backend: Backend) -> None:
    bundle = issue()
    backend.put(REF, bundle)
    backend.put(REF, replace(bundle, chain=bundle.chain.strip(), privkey=f"{bundle.privkey}\n"))
    assert backend.get(REF) == bundle


@pytest.mark.parametrize("change", ["key appears", "key disappears", "chain differs"])
def test_a_stored_version_is_never_taken_for_a_different_one(backend: Backend, change: str) -> None:
    bundle = issue()
    before, after = {
        "key appears": (without_key(bundle), bundle),
        "key disappears": (bundle, without_key(bundle)),
        "chain differs": (bundle, replace(bundle, chain="")),
    }[change]
    backend.put(REF, before)
    with pytest.raises(Conflict) as caught:
        backend.put(REF, after)
    assert caught.value.code == "storage.version_differs"
    assert backend.get(REF) == before


@pytest.mark.parametrize("ref", [REF, BundleRef("client", "www.example.com"), WILDCARD])
def test_an_unknown_bundle_is_not_found(backend: Backend, ref: BundleRef) -> None:
    backend.put(BundleRef("server", "example.com"), issue())
    with pytest.raises(NotFound) as caught:
        backend.get(ref)
    assert caught.value.code == "storage.not_found"
    assert backend.versions(ref) == []


@pytest.mark.parametrize("fingerprint", ["0" * 64, "", "..", "../../etc", "A" * 64, "current"])
def test_an_unknown_version_is_not_found(backend: Backend, fingerprint: str) -> None:
    backend.put(REF, issue())
    with pytest.raises(NotFound) as caught:
        backend.get(REF, fingerprint)
    assert caught.value.code == "storage.not_found"
    backend.delete(REF, fingerprint)
    assert len(backend.versions(REF)) == 1


def test_an_unknown_version_of_an_unknown_bundle_is_not_found(backend: Backend) -> None:
    with pytest.raises(NotFound):
        backend.get(REF, "0" * 64)


def test_deleting_removes_every_version(backend: Backend) -> None:
    first, second = issue(), issue()
    backend.put(REF, first)
    backend.put(REF, second)
    backend.delete(REF)
    assert backend.versions(REF) == []
    for fingerprint in (None, first.fingerprint, second.fingerprint):
        with pytest.raises(NotFound):
            backend.get(REF, fingerprint)
    assert list(backend.list()) == []


def test_deleting_twice_and_deleting_nothing_is_allowed(backend: Backend) -> None:
    backend.delete(REF)
    backend.delete(REF, "0" * 64)
    bundle = issue()
    backend.put(REF, bundle)
    backend.delete(REF)
    backend.delete(REF)
    backend.put(REF, bundle)
    assert backend.get(REF) == bundle


def test_an_old_version_can_be_deleted_alone(backend: Backend) -> None:
    first, second = issue(), issue()
    backend.put(REF, first)
    backend.put(REF, second)
    backend.delete(REF, first.fingerprint)
    backend.delete(REF, first.fingerprint)
    assert backend.versions(REF) == [second.fingerprint]
    assert backend.get(REF) == second
    with pytest.raises(NotFound):
        backend.get(REF, first.fingerprint)


def test_the_current_version_cannot_be_deleted_alone(backend: Backend) -> None:
    bundle = issue()
    backend.put(REF, bundle)
    with pytest.raises(Conflict) as caught:
        backend.delete(REF, bundle.fingerprint)
    assert caught.value.code == "storage.current_version"
    assert backend.get(REF) == bundle


def test_bundles_do_not_touch_each_other(backend: Backend) -> None:
    refs = [
        REF,
        BundleRef("client", "www.example.com"),
        WILDCARD,
        BundleRef("server", "example.com"),
        BundleRef("server", "wildcard.example.com"),
    ]
    bundles = {ref: issue() for ref in refs}
    for ref, bundle in bundles.items():
        backend.put(ref, bundle)
    assert sorted(backend.list()) == sorted(refs)
    backend.delete(REF)
    del bundles[REF]
    assert {ref: backend.get(ref) for ref in backend.list()} == bundles


def test_listing_yields_one_by_one(backend: Backend) -> None:
    backend.put(REF, issue())
    listing = backend.list()
    assert isinstance(listing, Iterator)
    assert next(listing) == REF


def test_an_empty_backend_lists_nothing(backend: Backend) -> None:
    assert list(backend.list()) == []


def test_a_probe_leaves_nothing_behind(backend: Backend) -> None:
    backend.probe()
    assert list(backend.list()) == []
    backend.put(REF, issue())
    backend.probe()
    assert list(backend.list()) == [REF]


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../etc",
        "a/b",
        "a\\b",
        "/etc/passwd",
        "a\0b",
        "-rf",
        ".hidden",
        "a..b",
        "_wildcard.example.com",
        "*",
        "a.*.example.com",
        "UPPER.example.com",
        "a b",
        "naïve.example.com",
        "a" * 201,
        "a\n",
    ],
)
def test_a_hostile_name_never_becomes_a_reference(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        BundleRef("server", name)
    assert (caught.value.code, caught.value.field) == ("name.invalid", "name")


def test_a_reference_is_of_a_known_kind() -> None:
    with pytest.raises(InvalidRequest) as caught:
        BundleRef("../server", "www.example.com")  # type: ignore[arg-type]
    assert caught.value.code == "storage.kind"


def test_a_reference_has_the_path_of_the_documented_layout() -> None:
    assert REF.path == "server/www.example.com"
    assert WILDCARD.path == "server/_wildcard.example.com"
    assert BundleRef("client", "laptop-7").path == "client/laptop-7"
