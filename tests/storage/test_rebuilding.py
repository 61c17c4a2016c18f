"""Rebuilds: what is at a target and in no table is taken up once, and by whom it may be."""

from dataclasses import replace
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.contrib.auth.models import Group, User
from guardian.shortcuts import assign_perm

from certificates.models import Certificate, Version
from certmate.access.actors import Actor
from certmate.access.services.approvals import create_rule
from certmate.access.verbs import Verb
from certmate.core import clock
from certmate.core.errors import CertMateError, Conflict, UpstreamUnavailable
from certmate.pki.bundle import Bundle
from storage import adopting, rebuilding, services
from storage.backends.base import BundleRef
from storage.backends.local import LocalBackend
from storage.choices import WorkState
from storage.models import RebuildItem, StorageRebuild, StorageTarget
from storage.services.places import backend_of
from tests import factories
from tests.storage import leftovers, places
from tests.storage.bundles import issue, without_key

pytestmark = pytest.mark.django_db

SYSTEM = Actor.system()


@pytest.fixture
def target() -> StorageTarget:
    return services.create_target(
        actor=SYSTEM, name="kept", backend="local", parameters={"path": "certificates-kept"}
    )


def bundle_of(name: str, *also: str, **told: Any) -> Bundle:
    """A bundle that the CA account `ca` is said to be from."""
    metadata = {"domain": name, "ca_provider": "acme", "ca_account_id": "ca", "staging": False}
    return replace(issue(name, also=also), metadata=metadata | told)


def put(target: StorageTarget, *bundles: Bundle, name: str = "") -> BundleRef:
    ref = BundleRef("server", name or bundles[0].metadata["domain"])
    for bundle in bundles:
        services.store(target=target, ref=ref, bundle=bundle)
    return ref


def ask(target: StorageTarget, actor: Actor = SYSTEM, issuer: str = "") -> StorageRebuild:
    return services.rebuild_target(actor=actor, target=target, issuer=issuer)


def run(rebuild: StorageRebuild) -> StorageRebuild:
    StorageRebuild.objects.update(next_attempt_at=clock.now())
    rebuilding.run_rebuild(rebuild.pk, 2)
    rebuild.refresh_from_db()
    return rebuild


def counts(rebuild: StorageRebuild) -> tuple[str, int, int, int]:
    return rebuild.state, rebuild.adopted, rebuild.known, rebuild.failed


def faults() -> dict[str, str]:
    rows = RebuildItem.objects.exclude(error_code="")
    return dict(rows.values_list("name", "error_code"))


def test_certificates_are_as_they_were(target: StorageTarget) -> None:
    ca, dns = factories.ca_account(), factories.dns_account()
    first, second = bundle_of("www.example.com"), bundle_of("www.example.com", "example.com")
    told = {"dns_provider": "rfc2136", "account_id": "dns", "challenge_type": "dns-01"}
    second = replace(second, metadata=second.metadata | told)
    ref = put(target, first, second)
    assert counts(run(ask(target))) == (WorkState.DONE, 1, 0, 0)
    found = Certificate.objects.get()
    assert (found.name, found.names) == (ref.name, ["www.example.com", "example.com"])
    assert (found.ca_account, found.dns_account, found.storage_target) == (ca, dns, target)
    assert (found.state, found.key_type, found.challenge_type) == ("active", "ec256", "dns-01")
    versions = list(found.versions.order_by("number"))
    assert [v.fingerprint for v in versions] == [first.fingerprint, second.fingerprint]
    current = versions[1]
    assert (found.current_version, found.expires_at) == (current, current.not_after)
    assert found.renew_at is not None
    assert (current.cert, current.has_private_key) == (second.cert, True)
    assert counts(run(ask(target))) == (WorkState.DONE, 0, 1, 0)
    assert Version.objects.count() == 2


@pytest.mark.parametrize(("profile", "kept"), [("short", "short"), ("gone", ""), ({}, "")])
def test_a_profile_of_the_ca_is_kept_where_it_is_offered(
    target: StorageTarget, profile: object, kept: str
) -> None:
    factories.ca_account(offered_profiles={"short": ""})
    factories.dns_account()
    put(target, bundle_of("www.example.test", profile=profile))
    assert counts(run(ask(target))) == (WorkState.DONE, 1, 0, 0)
    assert Certificate.objects.get().ca_profile == kept


def test_the_version_that_readers_get_is_the_current_one(target: StorageTarget) -> None:
    factories.ca_account()
    first, second = bundle_of("www.example.com"), bundle_of("www.example.com")
    put(target, first, second, first)
    run(ask(target))
    current = Certificate.objects.get().current_version
    assert current is not None
    assert current.fingerprint == first.fingerprint


def test_what_an_older_backup_does_not_know_is_added(target: StorageTarget) -> None:
    factories.ca_account()
    first, second = bundle_of("www.example.com"), bundle_of("www.example.com")
    put(target, first)
    run(ask(target))
    put(target, second)
    assert counts(run(ask(target))) == (WorkState.DONE, 1, 0, 0)
    found = Certificate.objects.get()
    assert [v.number for v in found.versions.order_by("number")] == [1, 2]
    assert found.current_version is not None
    assert found.current_version.fingerprint == second.fingerprint


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"ca_account_id": "other"}, "storage.issuer"),
        ({"ca_provider": "letsencrypt"}, "storage.issuer"),
        # Nothing is renewed by production that was a trial.
        ({"staging": True}, "storage.issuer"),
        ({"ca_account_id": ["ca"], "ca_provider": {"a": 1}}, "storage.issuer"),
        ({"ca_account_id": "ca\0"}, "storage.issuer"),
    ],
)
def test_what_is_from_nobody_here_says_so_until_somebody_is_named(
    target: StorageTarget, told: dict[str, Any], code: str
) -> None:
    factories.ca_account()
    put(target, bundle_of("www.example.com", **told))
    assert counts(run(ask(target))) == (WorkState.INCOMPLETE, 0, 0, 1)
    assert faults() == {"www.example.com": code}
    assert not Certificate.objects.exists()
    factories.ca_account("named")
    assert counts(run(ask(target, issuer="named"))) == (WorkState.DONE, 1, 0, 0)
    assert Certificate.objects.get().issued_by.name == "named"


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ({"ca_provider": "letsencrypt"}, "le"),
        ({"ca_provider": "letsencrypt", "ca_account_id": "default"}, "le"),
        ({"ca_provider": "letsencrypt", "staging": True}, "trial"),
        ({"ca_provider": "letsencrypt_staging", "staging": True}, "trial"),
        ({"ca_provider": "private_ca"}, "lab"),
    ],
)
def test_what_names_a_ca_alone_is_of_the_only_account_there(
    target: StorageTarget, told: dict[str, Any], wanted: str
) -> None:
    for name, provider in (
        ("le", "letsencrypt"),
        ("trial", "letsencrypt-staging"),
        ("lab", "acme"),
    ):
        factories.ca_account(name, provider=provider)
    put(target, bundle_of("www.example.com", **({"ca_account_id": None} | told)))
    run(ask(target))
    assert Certificate.objects.get().issued_by.name == wanted
    Certificate.objects.update(current_version=None)
    Version.objects.all().delete()
    Certificate.objects.all().delete()
    for provider in ("letsencrypt", "letsencrypt-staging", "acme"):
        factories.ca_account(f"second-{provider}", provider=provider)
    run(ask(target))
    assert faults() == {"www.example.com": "storage.issuer"}


def test_one_that_is_no_good_stops_no_other(
    target: StorageTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.ca_account()
    elsewhere = factories.certificate("elsewhere.example.com")
    factories.certificate("names.example.com", storage_target=target)
    names = ["busy.example.com", "busy.example.net"]
    busy = factories.certificate("busy.example.com", storage_target=target, names=names)
    factories.order(busy)
    for name in ("elsewhere", "names", "busy", "good"):
        put(target, bundle_of(f"{name}.example.com", f"{name}.example.net"))
    backend = backend_of(target)
    backend.put(
        BundleRef("server", "key.example.com"),
        replace(bundle_of("key.example.com"), privkey=issue().privkey),
    )
    assert counts(run(ask(target))) == (WorkState.INCOMPLETE, 1, 0, 4)
    assert faults() == {
        "elsewhere.example.com": "storage.elsewhere",
        "names.example.com": "storage.elsewhere",
        "busy.example.com": "order.open",
        "key.example.com": "bundle.key_mismatch",
    }
    assert set(Version.objects.values_list("certificate__name", flat=True)) == {"good.example.com"}
    assert elsewhere.versions.count() == 0


def test_a_bundle_without_its_key_stays_without(target: StorageTarget) -> None:
    factories.ca_account()
    put(target, without_key(bundle_of("www.example.com")))
    run(ask(target))
    assert Version.objects.get().has_private_key is False


@pytest.mark.parametrize("case", leftovers.CASES)
def test_what_certmate_2_has_left_is_put_where_ours_is_and_adopted(
    case: str, request: pytest.FixtureRequest
) -> None:
    factories.ca_account("letsencrypt-account", provider="letsencrypt")
    given = places.parameters(case, request)
    StorageTarget.objects.all().delete()
    target = services.create_target(
        actor=SYSTEM, name="left", backend=places.CASES[case], parameters=given
    )
    told = {"ca_provider": "letsencrypt", "ca_account_id": "letsencrypt-account"}
    left = {
        name: bundle_of(name, "also.example.com", **told)
        for name in ("www.example.com", "my-app.example.com")
    }
    for name, bundle in left.items():
        leftovers.leave(case, request, given, name, bundle)
    assert counts(run(ask(target))) == (WorkState.DONE, 2, 0, 0)
    for name, bundle in left.items():
        kept = services.load(target=target, ref=BundleRef("server", name))
        assert (kept.fingerprint, kept.privkey) == (bundle.fingerprint, bundle.privkey)
        assert Version.objects.get(certificate__name=name).fingerprint == bundle.fingerprint
    assert counts(run(ask(target))) == (WorkState.DONE, 0, 2, 0)


def test_our_own_bundle_goes_before_what_was_left_under_its_name(target: StorageTarget) -> None:
    factories.ca_account()
    ours = bundle_of("www.example.com")
    put(target, ours)
    root = backend_of(target)._root  # type: ignore[attr-defined]
    leftovers.in_folder(root, "www.example.com", bundle_of("www.example.com"))
    run(ask(target))
    assert Version.objects.get().fingerprint == ours.fingerprint


def test_what_was_left_and_is_not_adopted_is_not_put_where_ours_is(target: StorageTarget) -> None:
    root = backend_of(target)._root  # type: ignore[attr-defined]
    leftovers.in_folder(root, "www.example.com", bundle_of("www.example.com"))
    assert counts(run(ask(target))) == (WorkState.INCOMPLETE, 0, 0, 1)
    assert list(services.list_refs(target)) == []
    assert not Certificate.objects.exists()


def test_an_older_version_for_other_names_keeps_no_newer_one_away(target: StorageTarget) -> None:
    factories.ca_account()
    put(target, bundle_of("www.example.com"))
    run(ask(target))
    reissued, newer = bundle_of("www.example.com", "old.example.com"), bundle_of("www.example.com")
    put(target, reissued, newer)
    run(ask(target))
    current = Certificate.objects.get().current_version
    assert current is not None
    assert (current.fingerprint, Version.objects.count()) == (newer.fingerprint, 3)


class Killed(BaseException):
    """Nothing of the run happens after this line."""


def test_a_worker_that_is_killed_is_followed_by_another(
    target: StorageTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.ca_account()
    names = [f"n{number}.example.com" for number in range(7)]
    for name in names:
        put(target, bundle_of(name))
    monkeypatch.setattr(rebuilding, "CHUNK", 2)
    monkeypatch.setattr(rebuilding, "_INSERT", 3)
    rebuild, adopter, count = ask(target), adopting.ADOPTERS["server"], [0]

    def adopt(actor: Actor, found: adopting.Found) -> list[CertMateError]:
        faults = adopter.adopt(actor, found)
        count[0] += 1
        if count[0] == 4:
            raise Killed
        return faults

    with monkeypatch.context() as patch:
        patch.setitem(adopting.ADOPTERS, "server", replace(adopter, adopt=adopt))
        with pytest.raises(Killed):
            rebuilding.run_rebuild(rebuild.pk)
    rebuilding.run_rebuild(rebuild.pk)
    rebuild.refresh_from_db()
    assert rebuild.state == WorkState.RUNNING
    StorageRebuild.objects.update(lease_expires_at=clock.now())
    assert rebuilding.sweep_rebuilds() == 1
    assert run(rebuild).state == WorkState.DONE
    assert sorted(Version.objects.values_list("certificate__name", flat=True)) == names


def test_an_outage_puts_it_off_and_says_why(
    target: StorageTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    factories.ca_account()
    put(target, bundle_of("www.example.com"))

    def away(*_: object) -> None:
        raise UpstreamUnavailable("It is away.", code="storage.unavailable")

    with monkeypatch.context() as patch:
        patch.setattr(LocalBackend, "versions", away)
        rebuild = run(ask(target))
    assert (rebuild.state, rebuild.error_detail) == (WorkState.QUEUED, "It is away.")
    assert rebuild.next_attempt_at > clock.now()
    assert counts(run(rebuild)) == (WorkState.DONE, 1, 0, 0)


def test_a_cancelled_rebuild_takes_nothing_up(target: StorageTarget) -> None:
    factories.ca_account()
    put(target, bundle_of("www.example.com"))
    rebuild = services.cancel_rebuild(actor=SYSTEM, rebuild=ask(target))
    run(rebuild)
    assert not Certificate.objects.exists()
    with pytest.raises(Conflict) as raised:
        services.cancel_rebuild(actor=SYSTEM, rebuild=rebuild)
    assert raised.value.code == "storage.rebuild_ended"


def test_a_target_is_rebuilt_once_at_a_time(target: StorageTarget) -> None:
    ask(target)
    with pytest.raises(Conflict) as raised:
        ask(target)
    assert raised.value.code == "storage.rebuilding"


@pytest.fixture
def keeper(target: StorageTarget) -> User:
    """May change the target, and nothing else."""
    user = User.objects.create_user("keeper")
    for verb in ("view", "change"):
        assign_perm(f"storage.{verb}_storagetarget", user, target)
    return User.objects.get(pk=user.pk)


def test_nobody_gets_a_certificate_renewed_by_putting_it_into_a_target(
    target: StorageTarget, keeper: User
) -> None:
    factories.ca_account()
    put(target, bundle_of("www.example.com"))
    assert counts(run(ask(target, Actor.of(keeper), issuer="ca"))) == (
        WorkState.INCOMPLETE,
        0,
        0,
        1,
    )
    assert faults() == {"www.example.com": "account.unknown"}
    assign_perm("providers.view_caaccount", keeper)
    run(ask(target, Actor.of(User.objects.get(pk=keeper.pk))))
    assert RebuildItem.objects.latest("pk").error_code == "access.denied"
    assert not Certificate.objects.exists()


def test_whoever_has_lost_the_right_to_the_target_rebuilds_nothing(
    target: StorageTarget, keeper: User
) -> None:
    rebuild = ask(target, Actor.of(keeper))
    keeper.is_active = False
    keeper.save()
    run(rebuild)
    assert (rebuild.state, rebuild.error_code) == (WorkState.FAILED, "access.withdrawn")


def test_a_rule_that_wants_approval_is_no_way_around(target: StorageTarget) -> None:
    factories.ca_account()
    User.objects.create_user("approver").groups.set(Group.objects.filter(name="approver"))
    create_rule(actor=SYSTEM, name="four-eyes", verb=Verb.REQUEST, role="approver")
    put(target, bundle_of("www.example.com"))
    run(ask(target))
    assert faults() == {"www.example.com": "storage.approval_rule"}


def test_the_audit_log_says_what_was_adopted(target: StorageTarget) -> None:
    factories.ca_account()
    put(target, bundle_of("www.example.com"))
    run(ask(target))
    events = [entry.additional_data or {} for entry in LogEntry.objects.all()]
    told = [event["event"] for event in events if "event" in event]
    assert {
        "storage_target.rebuild_requested",
        "certificate.adopted",
        "storage_target.rebuilt",
    } <= (set(told))
