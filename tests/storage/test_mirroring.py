"""Mirrors: a copy at another target, which holds nobody up and goes when it shall go."""

from datetime import timedelta
from typing import Any

import pytest
from auditlog.models import LogEntry
from guardian.shortcuts import assign_perm

from certificates import services as certificates
from certificates.choices import OrderState
from certificates.models import Certificate
from certificates.services import CertificateRequest
from certmate.access.actors import Actor
from certmate.core import clock
from certmate.core.errors import (
    AccessDenied,
    Conflict,
    InvalidRequest,
    NotFound,
    UpstreamUnavailable,
)
from storage import migrating, mirroring, services
from storage.backends.base import BundleRef
from storage.backends.local import LocalBackend
from storage.choices import MirrorState
from storage.models import Mirror, StorageMigration, StorageTarget
from storage.services.places import backend_of
from tests import factories
from tests.caller import Caller, problem
from tests.cast import Cast
from tests.certificates.conftest import run as run_order
from tests.storage import places
from tests.storage.bundles import issue
from tests.ui.pages import page, queries, signed_in, text, told

pytestmark = pytest.mark.django_db

SYSTEM = Actor.system()
REF = BundleRef("server", "www.example.com")
PATH = "/api/storage-mirrors"


@pytest.fixture
def home() -> StorageTarget:
    return factories.storage_target("home")


@pytest.fixture
def other() -> StorageTarget:
    return services.create_target(
        actor=SYSTEM, name="other", backend="local", parameters={"path": "certificates-other"}
    )


def mirrored(source: str = "home", target: str = "other", ref: BundleRef = REF) -> Mirror:
    return services.add_mirror(
        actor=SYSTEM, kind=ref.kind, name=ref.name, source=source, target=target
    )


def run(mirror: Mirror) -> Mirror:
    """Do what is due for it; the mirror as it then is."""
    mirroring.run_mirror(mirror.pk)
    mirror.refresh_from_db()
    return mirror


def at(target: StorageTarget) -> Any:
    return backend_of(target).get(REF)


def away(*_: object) -> None:
    raise UpstreamUnavailable("It is away.", code="storage.unavailable")


@pytest.mark.parametrize("case", sorted(places.REMOTE))
def test_a_bundle_is_copied_now_and_whenever_it_changes(
    case: str, home: StorageTarget, request: pytest.FixtureRequest
) -> None:
    other = services.create_target(
        actor=SYSTEM,
        name="other",
        backend=places.CASES[case],
        parameters=places.parameters(case, request),
    )
    first, second = issue(), issue()
    services.store(target=home, ref=REF, bundle=first)
    mirror = run(mirrored())
    assert (mirror.state, mirror.stored, mirror.next_attempt_at) == (
        MirrorState.STORED,
        first.fingerprint,
        None,
    )
    services.store(target=home, ref=REF, bundle=second)
    mirror.refresh_from_db()
    assert (mirror.state, mirror.wanted) == (MirrorState.WAITING, second.fingerprint)
    assert run(mirror).stored == second.fingerprint
    assert at(other) == second
    services.store(target=home, ref=REF, bundle=first)
    assert run(mirror).stored == first.fingerprint
    assert at(other) == first


def test_a_mirror_that_is_away_fails_no_issuance_and_is_tried_again(
    home: StorageTarget, other: StorageTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.authority()
    asked = CertificateRequest(domain=REF.name, ca="internal")
    certificate, order = certificates.create_certificate(
        actor=SYSTEM, request=asked, storage_name="home"
    )
    assert run_order(order).state == OrderState.SUCCEEDED
    mirror = run(mirrored())
    with monkeypatch.context() as patch:
        patch.setattr(LocalBackend, "put", away)
        order = certificates.renew_certificate(actor=SYSTEM, certificate=certificate)
        assert run_order(order).state == OrderState.SUCCEEDED
        failing = run(mirror)
        assert (failing.state, failing.attempts) == (MirrorState.FAILING, 1)
        assert (failing.error_code, failing.error_detail) == ("storage.unavailable", "It is away.")
        assert failing.next_attempt_at is not None
        assert failing.next_attempt_at > clock.now()
        assert mirroring.sweep_mirrors() == 0
    services.retry_mirror(actor=SYSTEM, mirror=mirror)
    assert mirroring.sweep_mirrors() == 1
    current = Certificate.objects.get().current_version
    assert current is not None
    assert (run(mirror).stored, mirror.error_code) == (current.fingerprint, "")
    certificates.delete_certificate(actor=SYSTEM, certificate=Certificate.objects.get(), force=True)
    mirror.refresh_from_db()
    assert mirror.state == MirrorState.REMOVING
    mirroring.run_mirror(mirror.pk)
    assert list(services.list_refs(other)) == []
    assert not Mirror.objects.exists()


def test_the_pauses_grow(
    home: StorageTarget, other: StorageTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "jitter", lambda _: timedelta(0))
    services.store(target=home, ref=REF, bundle=issue())
    mirror, waits = mirrored(), []
    monkeypatch.setattr(LocalBackend, "put", away)
    for _ in range(7):
        begun = clock.now()
        Mirror.objects.update(next_attempt_at=begun)
        at = run(mirror).next_attempt_at
        assert at is not None
        waits.append(round((at - begun) / timedelta(minutes=1)))
    assert waits == [1, 5, 30, 120, 360, 360, 360]


def test_a_worker_that_died_is_followed_by_another(
    home: StorageTarget, other: StorageTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    services.store(target=home, ref=REF, bundle=issue())
    mirror = mirrored()
    with monkeypatch.context() as patch:
        patch.setattr(LocalBackend, "put", die)
        with pytest.raises(Killed):
            mirroring.run_mirror(mirror.pk)
    assert run(mirror).state == MirrorState.WAITING
    Mirror.objects.update(lease_expires_at=clock.now())
    assert mirroring.sweep_mirrors() == 1
    assert run(mirror).state == MirrorState.STORED


def test_what_is_stored_during_a_copy_is_copied_next(
    home: StorageTarget, other: StorageTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = issue()
    services.store(target=home, ref=REF, bundle=issue())
    mirror, original = mirrored(), LocalBackend.put

    def meanwhile(self: LocalBackend, ref: BundleRef, bundle: Any) -> None:
        original(self, ref, bundle)
        if bundle != newer:
            services.store(target=home, ref=REF, bundle=newer)

    monkeypatch.setattr(LocalBackend, "put", meanwhile)
    assert run(mirror).state == MirrorState.WAITING
    assert mirror.next_attempt_at is not None
    assert run(mirror).stored == newer.fingerprint
    assert at(other) == newer


def test_a_removal_is_tried_until_nothing_is_left(
    home: StorageTarget, other: StorageTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = issue()
    services.store(target=home, ref=REF, bundle=bundle)
    mirror = run(mirrored())
    services.remove_mirror(actor=SYSTEM, mirror=mirror)
    with monkeypatch.context() as patch:
        patch.setattr(LocalBackend, "delete", away)
        assert run(mirror).state == MirrorState.REMOVING
        assert mirror.error_detail == "It is away."
    services.store(target=home, ref=REF, bundle=issue())
    services.retry_mirror(actor=SYSTEM, mirror=mirror)
    mirroring.run_mirror(mirror.pk)
    assert not Mirror.objects.exists()
    assert list(services.list_refs(other)) == []
    assert services.load(target=home, ref=REF, fingerprint=bundle.fingerprint) == bundle


def test_a_removed_mirror_takes_nothing_that_is_at_home_there(
    home: StorageTarget, other: StorageTarget
) -> None:
    """The certificate was at the other target before: its older version still is."""
    older, newer = issue(), issue()
    services.store(target=other, ref=REF, bundle=older)
    certificate = factories.certificate(REF.name, storage_target=home)
    factories.version(certificate, fingerprint=older.fingerprint, storage_target=other)
    services.store(target=home, ref=REF, bundle=newer)
    mirror = run(mirrored())
    services.remove_mirror(actor=SYSTEM, mirror=mirror)
    mirroring.run_mirror(mirror.pk)
    assert not Mirror.objects.exists()
    assert services.load(target=other, ref=REF, fingerprint=older.fingerprint) == older


def test_a_migration_leaves_copies_and_takes_mirrors_along(
    home: StorageTarget, other: StorageTarget
) -> None:
    factories.storage_target("new")
    bundle = issue()
    services.store(target=home, ref=REF, bundle=bundle)
    mirror = run(mirrored())
    for source in (home, other):
        migration = services.migrate_target(actor=SYSTEM, target=source, to="new", clean_up=True)
        migrating.run_migration(migration.pk)
    assert set(StorageMigration.objects.values_list("state", flat=True)) == {"done"}
    mirror.refresh_from_db()
    assert (mirror.source.name, mirror.target) == ("new", other)
    assert at(other) == bundle
    assert list(services.list_refs(home)) == []


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [
        ({"source": "nowhere"}, InvalidRequest, "storage.unknown"),
        ({"target": "nowhere"}, InvalidRequest, "storage.unknown"),
        ({"target": "home"}, InvalidRequest, "storage.same_target"),
        ({"name": "unknown.example.com"}, NotFound, "storage.not_found"),
        ({"name": "../x"}, InvalidRequest, "name.invalid"),
        ({"kind": "x"}, InvalidRequest, "storage.kind"),
        ({}, Conflict, "storage.mirrored"),
    ],
)
def test_what_cannot_be_mirrored_is_refused(
    home: StorageTarget, other: StorageTarget, change: dict[str, str], error: Any, code: str
) -> None:
    services.store(target=home, ref=REF, bundle=issue())
    mirrored()
    wish = {"kind": REF.kind, "name": REF.name, "source": "home", "target": "other"}
    with pytest.raises(error) as caught:
        services.add_mirror(actor=SYSTEM, **(wish | change))
    assert caught.value.code == code


def test_it_takes_the_right_to_change_both_targets(
    cast: Cast, home: StorageTarget, other: StorageTarget
) -> None:
    services.store(target=home, ref=REF, bundle=issue())
    actor = Actor.of(cast.outsider)
    wish = {"kind": REF.kind, "name": REF.name, "source": "home", "target": "other"}
    for target in (home, other):
        assign_perm("storage.view_storagetarget", cast.outsider, target)
        with pytest.raises(AccessDenied):
            services.add_mirror(actor=actor, **wish)
        assign_perm("storage.change_storagetarget", cast.outsider, target)
        actor = Actor.of(type(cast.outsider).objects.get(pk=cast.outsider.pk))
        if target == home:
            with pytest.raises(InvalidRequest):
                services.add_mirror(actor=actor, **wish)
    services.add_mirror(actor=actor, **wish)


def test_every_copy_stands_in_the_audit_log(home: StorageTarget, other: StorageTarget) -> None:
    services.store(target=home, ref=REF, bundle=issue())
    mirror = run(mirrored())
    services.remove_mirror(actor=SYSTEM, mirror=mirror)
    rows = LogEntry.objects.filter(object_repr="home").order_by("pk")
    events = [row.additional_data["event"] for row in rows if row.additional_data]
    assert events[-3:] == [
        "storage_target.mirror_added",
        "storage_target.bundle_copied",
        "storage_target.mirror_removed",
    ]


def test_mirrors_over_the_api(cast: Cast, home: StorageTarget, other: StorageTarget) -> None:
    services.store(target=home, ref=REF, bundle=issue())
    owner = Caller(cast.owner)
    answer = owner.post(PATH, name=REF.name, source="home", target="other")
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert answer["Location"] == made["url"]
    assert (made["state"], made["stored"]) == ("waiting", None)
    path = f"{PATH}/{made['id']}"
    assert owner.post(f"{path}/retry").status_code == 200
    mirroring.run_mirror(made["id"])
    assert owner.get(path).json()["state"] == "stored"
    assert len(owner.get(f"{PATH}?state=stored&source=home").json()["results"]) == 1
    for caller in (Caller(cast.auditor), Caller(cast.owner, "read")):
        assert caller.get(PATH).json()["results"] == []
        problem(caller.get(path), 403, "access.denied")
    problem(Caller(cast.outsider).get(path), 404, "request.not_found")
    problem(owner.post(PATH, name="x", source="home", target="other"), 404, "storage.not_found")
    gone = owner.delete(path)
    assert (gone.status_code, gone.json()["state"]) == (202, "removing")
    mirroring.run_mirror(made["id"])
    problem(owner.get(path), 404, "request.not_found")


def test_mirrors_in_the_admin(cast: Cast, home: StorageTarget, other: StorageTarget) -> None:
    services.store(target=home, ref=REF, bundle=issue())
    client = signed_in(cast.owner)
    form = {"kind": "server", "name": REF.name, "source": home.pk, "target": other.pk}
    client.post(page(Mirror, "add"), form)
    mirror = Mirror.objects.get()
    refused = client.post(page(Mirror, "add"), form)
    assert list(refused.context["form"].errors) == ["target"]
    Mirror.objects.update(error_code="storage.unavailable", error_detail="It is away.")
    assert "It is away." in text(client.get(page(mirror)))
    assert REF.name not in text(signed_in(cast.auditor).get(page(Mirror, "changelist")))
    assert told(client.post(page(mirror, "retry"), follow=True)) == ["It is tried now."]
    response = client.post(page(mirror, "remove"), follow=True)
    assert told(response) == ["The copy is being deleted."]
    few = queries(client, page(Mirror, "changelist"))
    for number in range(10):
        ref = BundleRef("server", f"n{number}.example.com")
        services.store(target=home, ref=ref, bundle=issue())
        mirrored(ref=ref)
    assert queries(client, page(Mirror, "changelist")) == few <= 6


def test_the_page_of_a_certificate_says_where_else_it_is(
    cast: Cast, home: StorageTarget, other: StorageTarget
) -> None:
    certificate = factories.certificate(REF.name, storage_target=home)
    services.store(target=home, ref=REF, bundle=issue())
    mirror = mirrored()
    mirroring.run_mirror(mirror.pk)
    html = text(signed_in(cast.owner).get(page(certificate)))
    assert page(mirror) in html
    assert "Up to date" in html
    # Who may see the certificate, and not change its target, is told of no other one.
    assert page(mirror) not in text(signed_in(cast.auditor).get(page(certificate)))
