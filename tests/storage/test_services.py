"""Storage targets through their services: who may, what is refused, what is logged."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.db import connection
from guardian.shortcuts import assign_perm

from certmate.access.actors import Actor
from certmate.core.errors import (
    AccessDenied,
    CertMateError,
    Conflict,
    IntegrityFault,
    InvalidRequest,
    NotFound,
    UpstreamUnavailable,
)
from certmate.core.parameters import MASK, Parameter
from storage import services
from storage.backends.base import BackendSpec, BundleRef
from storage.catalogue import CATALOGUE
from storage.models import StorageTarget, StoredBundle
from tests import factories
from tests.cast import Cast, by_token
from tests.servers.process import free_port
from tests.storage import places
from tests.storage.bundles import issue

REF = BundleRef("server", "www.example.com")
CANARY = "canary-token-5f1c"
SYSTEM = Actor.system()

pytestmark = pytest.mark.django_db


@pytest.fixture
def target() -> StorageTarget:
    return services.create_target(actor=SYSTEM, name="rows", backend="database", parameters={})


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> BackendSpec:
    """A backend with an address and a secret, such as a vault has, whose bundles are rows."""
    spec = BackendSpec(
        slug="remote",
        label="Remote",
        build=lambda _parameters, places: places.database,
        parameters=(
            Parameter(name="address", label="Address"),
            Parameter(name="token", label="Token", secret=True),
            Parameter(name="note", label="Note", required=False),
        ),
        location=("address",),
    )
    monkeypatch.setitem(CATALOGUE, spec.slug, spec)
    return spec


def make_remote(**parameters: Any) -> StorageTarget:
    given = {"address": "https://vault.example.test", "token": CANARY} | parameters
    return services.create_target(actor=SYSTEM, name="remote", backend="remote", parameters=given)


def test_a_fresh_database_has_the_local_target_as_default() -> None:
    target = services.default_target()
    assert (target.name, target.backend, target.is_default) == ("local", "local", True)


def test_seeding_never_overwrites_what_an_operator_did(target: StorageTarget) -> None:
    StorageTarget.objects.filter(name="local").delete()
    services.seed_default_target()
    assert [each.name for each in StorageTarget.objects.all()] == ["rows"]
    target.delete()
    services.seed_default_target()
    assert services.default_target().name == "local"


def test_seeding_waits_for_the_tables() -> None:
    from django.apps.registry import Apps

    from storage.apps import _seed

    StorageTarget.objects.all().delete()
    _seed(apps=Apps())
    assert not StorageTarget.objects.exists()
    _seed(using="another")
    assert not StorageTarget.objects.exists()
    _seed()
    assert services.default_target().name == "local"


def test_without_a_default_there_is_a_conflict() -> None:
    StorageTarget.objects.update(is_default=False)
    with pytest.raises(Conflict) as caught:
        services.default_target()
    assert caught.value.code == "storage.no_default"


def test_the_owner_may_do_everything(cast: Cast) -> None:
    actor = Actor.of(cast.owner)
    target = services.create_target(actor=actor, name="rows", backend="database", parameters={})
    target = services.update_target(actor=actor, target=target, name="lines")
    assert StorageTarget.objects.get(name="lines") == target
    services.verify_target(actor=actor, target=target)
    services.delete_target(actor=actor, target=target)
    assert not StorageTarget.objects.filter(backend="database").exists()


@pytest.mark.parametrize("name", ["operator", "auditor"])
def test_who_may_look_may_not_change(cast: Cast, target: StorageTarget, name: str) -> None:
    user = getattr(cast, name)
    user.user_permissions.add(Permission.objects.get(codename="view_storagetarget"))
    refused(Actor.of(user), target, AccessDenied)


def test_who_may_not_look_is_told_that_there_is_nothing(cast: Cast, target: StorageTarget) -> None:
    refused(Actor.of(cast.outsider), target, NotFound)


@pytest.mark.parametrize("scope", ["read", "operate", "audit"])
def test_a_token_needs_the_admin_scope(cast: Cast, target: StorageTarget, scope: str) -> None:
    expected = NotFound if scope == "audit" else AccessDenied
    refused(by_token(cast.owner, scope), target, expected)
    services.verify_target(actor=by_token(cast.owner, "admin"), target=target)


def refused(actor: Actor, target: StorageTarget, error: type[CertMateError]) -> None:
    """Nothing of this may be done by the actor, and nothing of it happens."""
    before = LogEntry.objects.count()
    with pytest.raises(AccessDenied):
        services.create_target(actor=actor, name="mine", backend="database", parameters={})
    with pytest.raises(error):
        services.update_target(actor=actor, target=target, name="mine")
    with pytest.raises(error):
        services.verify_target(actor=actor, target=target)
    with pytest.raises(error):
        services.delete_target(actor=actor, target=target)
    target.refresh_from_db()
    assert (target.name, target.verified_at) == ("rows", None)
    assert LogEntry.objects.count() == before


def test_a_grant_on_one_target_reaches_that_one_only(cast: Cast, target: StorageTarget) -> None:
    other = services.create_target(actor=SYSTEM, name="other", backend="database", parameters={})
    assign_perm("storage.change_storagetarget", cast.outsider, target)
    actor = Actor.of(cast.outsider)
    services.verify_target(actor=actor, target=target)
    with pytest.raises(NotFound):
        services.verify_target(actor=actor, target=other)


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        services.create_target(actor=SYSTEM, name="x", backend="floppy", parameters={})
    assert (caught.value.code, caught.value.field) == ("storage.unknown_backend", "backend")


@pytest.mark.parametrize(
    ("parameters", "field"),
    [({"path": "/etc"}, "parameters.path"), ({"colour": "red"}, "parameters.colour")],
)
def test_bad_parameters_are_refused_with_their_name(parameters: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        services.create_target(actor=SYSTEM, name="x", backend="local", parameters=parameters)
    assert caught.value.field == field
    assert not StorageTarget.objects.filter(name="x").exists()


def test_of_two_at_once_who_want_one_name_the_later_is_told(
    target: StorageTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the other one had come between look and insert.
    monkeypatch.setattr(StorageTarget, "full_clean", lambda self: None)
    with pytest.raises(Conflict) as refused:
        services.create_target(actor=SYSTEM, name=target.name, backend="database", parameters={})
    assert refused.value.code == "request.taken"


@pytest.mark.parametrize("name", ["rows", "", "a b", "../x", "é", "a" * 65])
def test_a_name_that_is_taken_or_no_slug_is_refused(target: StorageTarget, name: str) -> None:
    with pytest.raises(ValidationError) as caught:
        services.create_target(actor=SYSTEM, name=name, backend="database", parameters={})
    assert list(caught.value.message_dict) == ["name"]


def test_two_targets_never_share_a_place() -> None:
    with pytest.raises(Conflict) as caught:
        services.create_target(actor=SYSTEM, name="again", backend="local", parameters={})
    assert (caught.value.code, caught.value.field) == ("storage.same_place", "parameters.path")
    beside = services.create_target(
        actor=SYSTEM, name="beside", backend="local", parameters={"path": "certificates-b"}
    )
    with pytest.raises(Conflict):
        services.update_target(actor=SYSTEM, target=beside, parameters={"path": "certificates"})
    services.update_target(actor=SYSTEM, target=beside, parameters={"path": "certificates-b"})


def test_a_new_default_takes_the_place_of_the_old(target: StorageTarget) -> None:
    services.update_target(actor=SYSTEM, target=target, is_default=True)
    assert services.default_target() == target
    assert StorageTarget.objects.filter(is_default=True).count() == 1
    made = services.create_target(
        actor=SYSTEM, name="third", backend="database", parameters={}, is_default=True
    )
    assert services.default_target() == made
    services.update_target(actor=SYSTEM, target=made, is_default=False)
    with pytest.raises(Conflict):
        services.default_target()


def test_a_default_that_is_refused_leaves_the_old_one() -> None:
    with pytest.raises(ValidationError):
        services.create_target(
            actor=SYSTEM, name="local", backend="database", parameters={}, is_default=True
        )
    assert services.default_target().backend == "local"


@pytest.mark.parametrize("token", [{}, {"token": MASK}])
def test_a_secret_that_is_left_out_or_masked_stays(
    remote: BackendSpec, token: dict[str, str]
) -> None:
    made = make_remote()
    changed = {"address": "https://vault.example.test", "note": "changed"} | token
    services.update_target(actor=SYSTEM, target=made, parameters=changed)
    assert StorageTarget.objects.get(pk=made.pk).parameters == changed | {"token": CANARY}


def test_secrets_are_neither_in_the_database_nor_in_the_audit_log(remote: BackendSpec) -> None:
    made = make_remote()
    services.update_target(
        actor=SYSTEM,
        target=made,
        parameters={"address": "https://vault.example.test", "token": f"{CANARY}-2"},
    )
    services.delete_target(actor=SYSTEM, target=StorageTarget.objects.get(pk=made.pk))
    entries = LogEntry.objects.filter(object_repr="remote")
    assert entries.count() == 3
    assert "parameters" in str([entry.changes for entry in entries])
    with connection.cursor() as cursor:
        for table in ("auditlog_logentry", "storage_storagetarget"):
            cursor.execute(f"SELECT * FROM {table}")
            assert CANARY not in str(cursor.fetchall())


def test_changed_parameters_make_the_verification_void(remote: BackendSpec) -> None:
    made = services.verify_target(actor=SYSTEM, target=make_remote())
    assert made.verified_at
    same = services.update_target(actor=SYSTEM, target=made, name="renamed")
    assert same.verified_at
    changed = {"address": "https://vault.example.test", "token": "another"}
    assert services.update_target(actor=SYSTEM, target=made, parameters=changed).verified_at is None


def test_a_target_with_bundles_gets_a_new_secret_but_no_new_place(remote: BackendSpec) -> None:
    made, bundle = make_remote(), issue()
    services.store(target=made, ref=REF, bundle=bundle)
    renewed = {"address": "https://vault.example.test", "token": "another"}
    services.update_target(actor=SYSTEM, target=made, parameters=renewed)
    with pytest.raises(Conflict) as caught:
        services.update_target(
            actor=SYSTEM, target=made, parameters={"address": "https://other.example.test"}
        )
    assert caught.value.code == "storage.in_use"
    assert services.load(target=made, ref=REF) == bundle


@pytest.fixture(params=sorted(places.CASES))
def anywhere(request: pytest.FixtureRequest) -> StorageTarget:
    """A target of each kind, the only one that there is."""
    StorageTarget.objects.all().delete()
    case: str = request.param
    given = places.parameters(case, request)
    return services.create_target(
        actor=SYSTEM, name="x", backend=places.CASES[case], parameters=given
    )


def test_a_target_that_holds_a_bundle_is_not_deleted(anywhere: StorageTarget) -> None:
    made = anywhere
    services.store(target=made, ref=REF, bundle=issue())
    with pytest.raises(Conflict) as caught:
        services.delete_target(actor=SYSTEM, target=made)
    assert caught.value.code == "storage.in_use"
    services.remove(target=made, ref=REF)
    services.delete_target(actor=SYSTEM, target=made)
    assert not StorageTarget.objects.exists()


def test_a_target_on_which_rows_depend_is_not_deleted(target: StorageTarget) -> None:
    services.store(target=target, ref=REF, bundle=issue())
    StoredBundle.objects.update(is_current=False)
    assert list(services.list_refs(target)) == []
    with pytest.raises(Conflict) as caught:
        services.delete_target(actor=SYSTEM, target=target)
    assert caught.value.code == "storage.in_use"


def test_a_verification_is_kept_and_logged(target: StorageTarget) -> None:
    services.verify_target(actor=SYSTEM, target=target)
    target.refresh_from_db()
    assert target.verified_at
    assert target.verification_error == ""
    assert last_event() == "storage_target.verified"


def test_a_failed_verification_is_kept_with_its_reason_and_raised(data_dir: Path) -> None:
    target = services.default_target()
    (data_dir / "certificates").write_text("not a directory")
    with pytest.raises(UpstreamUnavailable):
        services.verify_target(actor=SYSTEM, target=target)
    target.refresh_from_db()
    assert target.verified_at is None
    assert target.verification_error == "Opening the directory failed: Not a directory."
    assert last_event() == "storage_target.verification_failed"
    (data_dir / "certificates").unlink()
    services.verify_target(actor=SYSTEM, target=target)
    target.refresh_from_db()
    assert target.verification_error == ""


def last_event() -> str:
    data = LogEntry.objects.latest("id").additional_data
    return str(data["event"])


def test_a_bundle_whose_key_does_not_fit_is_refused_before_anything_is_written(
    anywhere: StorageTarget,
) -> None:
    target, good = anywhere, issue()
    services.store(target=target, ref=REF, bundle=good)
    with pytest.raises(IntegrityFault) as caught:
        services.store(target=target, ref=REF, bundle=replace(issue(), privkey=good.privkey))
    assert caught.value.code == "bundle.key_mismatch"
    assert services.load(target=target, ref=REF) == good
    assert services.load(target=target, ref=REF, fingerprint=good.fingerprint) == good


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"cert": "no certificate"}, "bundle.malformed"),
        ({"privkey": "no key"}, "bundle.malformed"),
        ({"chain": None}, "bundle.chain"),
    ],
)
def test_a_bundle_that_is_no_bundle_is_refused(
    target: StorageTarget, change: dict[str, str | None], code: str
) -> None:
    bundle = issue()
    parts: dict[str, Any] = {
        name: issue().cert if value is None else value for name, value in change.items()
    }
    with pytest.raises(IntegrityFault) as caught:
        services.store(target=target, ref=REF, bundle=replace(bundle, **parts))
    assert caught.value.code == code
    assert list(services.list_refs(target)) == []


def test_one_version_can_be_removed(target: StorageTarget) -> None:
    first, second = issue(), issue()
    for bundle in (first, second):
        services.store(target=target, ref=REF, bundle=bundle)
    services.remove(target=target, ref=REF, fingerprint=first.fingerprint)
    with pytest.raises(NotFound):
        services.load(target=target, ref=REF, fingerprint=first.fingerprint)
    assert list(services.list_refs(target)) == [REF]


def test_a_place_that_was_mistyped_is_corrected_and_one_in_use_is_not(cast: Cast) -> None:
    """Nobody answers at either address."""
    given = {"url": f"http://127.0.0.1:{free_port()}", "token": CANARY}
    made = services.create_target(actor=SYSTEM, name="v", backend="vault", parameters=given)
    moved = given | {"url": f"http://127.0.0.1:{free_port()}"}
    made = services.update_target(actor=SYSTEM, target=made, parameters=moved)
    factories.certificate(storage_target=made)
    with pytest.raises(UpstreamUnavailable):
        services.update_target(actor=SYSTEM, target=made, parameters=given)
