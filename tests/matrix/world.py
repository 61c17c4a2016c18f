"""What the matrix looks at: one object of every kind that the shop owns, and hidden ones beside.

Whatever belongs to the hidden team says `CANARY` in every text of it, so that an answer in which
the word or one of the hidden keys stands tells somebody what he must not know.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import models
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from certificates.choices import OrderKind, OrderState
from certificates.models import Certificate, OrderLog
from certmate.access import services
from certmate.access.actors import Actor
from certmate.access.models import ApiToken, Team
from certmate.audit.models import Event
from certmate.audit.services import record
from certmate.core import clock
from certmate.pki import inspect
from providers.models import CRL, Authority, LedgerEntry, Revocation
from providers.services import create_authority, publish_crls, revoke_entry
from storage.choices import FindState, ItemState
from storage.models import Mirror, StorageMigration, StorageRebuild, StoredBundle
from tests import factories
from tests.access import four_eyes
from tests.matrix import clients
from tests.providers.authority import making
from tests.storage import bundles

CANARY = "kestrel"
HIDDEN_PK = itertools.count(7_310_000, 1000)
"""Keys of hidden rows: far from each other, and from those that tests make."""


@dataclass
class Things:
    """The objects of one team by the label of their model, such as `certificates.certificate`."""

    team: Team
    rows: dict[str, models.Model] = field(default_factory=dict)
    spare: dict[str, models.Model] = field(default_factory=dict)
    """Those that nothing hangs from, so that they can be deleted."""

    def add(self, row: models.Model) -> Any:
        self.rows[row._meta.label_lower] = row
        return row

    def __getitem__(self, label: str) -> Any:
        return self.rows[label]


def shop() -> Things:
    """The team whose objects the matrix is about."""
    things = _configured("shop")
    issued = things.add(_certificate("www.shop.test", things))
    issued.paused_at, issued.pause_reason = clock.now(), "Failed too often."
    issued.save()
    waiting = _certificate("api.shop.test", things)
    things.add(factories.order(waiting, state=OrderState.WAITING))
    things.spare["certificates.certificate"] = _certificate("old.shop.test", things)
    return things


def blue() -> Things:
    """Another team's, which its member sees and nobody of the shop does."""
    things = _configured("blue")
    things.add(_certificate("www.blue.test", things))
    return things


def hidden() -> Things:
    """What nobody but those who may see everything knows of."""
    name = f"{CANARY}-team"
    things = _configured(name, next(HIDDEN_PK), CANARY)
    things.team.description = f"The {CANARY} team"
    things.team.save()
    kept = things.add(_certificate(f"www.{CANARY}.test", things, pk=next(HIDDEN_PK)))
    kept.tags, kept.pause_reason = [f"{CANARY}-tag"], f"Because of {CANARY}"
    kept.save()
    order = things.add(
        factories.order(
            kept,
            OrderKind.RENEW,
            pk=next(HIDDEN_PK),
            state=OrderState.WAITING,
            error_code="acme.caa",
            error_detail=f"{CANARY} was refused",
            error_identifiers={f"www.{CANARY}.test": f"no {CANARY}"},
            acme_order_url=f"https://ca.example.test/{CANARY}",
        )
    )
    OrderLog.objects.create(order=order, at=clock.now(), step="obtain", message=f"At {CANARY}.")
    record(kept, "certificate.renewed", serial=CANARY)
    return things


def people_and_rules(things: Things) -> None:
    """Who is near the team, and what decides about its objects."""
    label, keys = _label(things), _keys(things)
    user = things.add(
        User.objects.create_user(f"{label}-user", f"{label}@example.test", pk=next(keys))
    )
    User.objects.filter(pk=user.pk).update(first_name=label.title(), last_name=f"von {label}")
    group = things.add(Group.objects.create(name=f"{label}-group", pk=next(keys)))
    things.add(_token(user, label, next(keys)))
    account = services.create_service_account(
        actor=Actor.system(), name=f"{label}-robot", description=label, team=things.team.name
    )
    things.add(account)
    rule = four_eyes.rule(name=f"{label}-rule", role=group, is_enabled=False)
    things.add(rule)
    things.spare["access.approvalrule"] = four_eyes.rule(name=f"{label}-spare", is_enabled=False)
    _schedules(things)
    things.add(Event.objects.filter(entry__object_repr=things.team.name).latest("pk"))


def approval(things: Things, user: User) -> None:
    """A revocation of the team's certificate that waits for an approver."""
    wanted = things["certificates.certificate"]
    rule = four_eyes.rule("revoke", name=f"{_label(things)}-asked")
    asked = four_eyes.revocation(user, wanted)
    rule.delete()
    things.add(asked)
    clients.ask(things, user)


def _schedules(things: Things) -> None:
    label, keys = _label(things), _keys(things)
    every = IntervalSchedule.objects.create(every=7 + len(label), period="hours", pk=next(keys))
    task = f"{label}.task"
    things.add(
        PeriodicTask.objects.create(
            name=task, task=task, interval=every, description=label, pk=next(keys)
        )
    )
    things.add(every)
    things.add(CrontabSchedule.objects.create(minute=str(len(label)), pk=next(keys)))


def _token(owner: User, label: str, pk: int | None) -> ApiToken:
    token, _ = services.create_token(
        actor=Actor.system(), owner=owner, name=f"{label} token", scopes=["read"]
    )
    if pk is not None:
        ApiToken.objects.filter(pk=token.pk).update(id=pk)
        return ApiToken.objects.get(pk=pk)
    return token


def _label(things: Things) -> str:
    return things.team.name.removesuffix("-team")


def _keys(things: Things) -> Iterator[int | None]:
    """Keys for the rows of the hidden team; those of others are made by the database."""
    return HIDDEN_PK if _label(things) == CANARY else itertools.repeat(None)


def _configured(name: str, pk: int | None = None, label: str = "") -> Things:
    label = label or name
    team = Team.objects.create(name=name, pk=pk)
    things = Things(team)
    things.add(team)
    url = f"https://{label}.example.test/directory"
    made: Mapping[str, Any] = {
        "ca": lambda of: factories.ca_account(
            of, team=team, directory_url=url, email=f"{label}@example.test"
        ),
        "dns": lambda of: factories.dns_account(
            of,
            team=team,
            zones=[f"{label}.test"],
            credentials=factories.RFC2136 | {"tsig_key": f"{label}-key"},
        ),
        "store": lambda of: factories.storage_target(of, team=team),
    }
    for kind, make in made.items():
        things.add(make(f"{label}-{kind}"))
        row = make(f"{label}-spare-{kind}")
        things.spare[row._meta.label_lower] = row
    _migration(things, label, pk and next(HIDDEN_PK))
    _authorities(things, label)
    spare = Team.objects.create(name=f"{label}-spare-team", pk=pk and next(HIDDEN_PK))
    things.spare["access.team"] = spare
    return things


def _migration(things: Things, label: str, pk: int | None) -> None:
    """One that waits, with a bundle that could not be copied."""
    other = factories.storage_target(f"{label}-other-store", team=things.team)
    things.spare["storage.other"] = other
    migration = StorageMigration.objects.create(
        pk=pk,
        source=other,
        destination=things["storage.storagetarget"],
        next_attempt_at=clock.now(),
        total=1,
        failed=1,
        error_code="storage.unavailable",
        error_detail=f"{label} is away.",
    )
    migration.items.create(kind="server", name=f"www.{label}.test", state=ItemState.FAILED)
    things.add(migration)
    rebuild = StorageRebuild.objects.create(
        pk=pk and next(HIDDEN_PK),
        target=other,
        next_attempt_at=clock.now(),
        total=1,
        failed=1,
        error_code="storage.unavailable",
        error_detail=f"{label} is away.",
    )
    rebuild.items.create(kind="server", name=f"www.{label}.test", state=FindState.FAILED)
    things.add(rebuild)
    mirror = Mirror.objects.create(
        pk=pk and next(HIDDEN_PK),
        kind="server",
        name=f"www.{label}.test",
        source=things["storage.storagetarget"],
        target=other,
        wanted="0" * 64,
        next_attempt_at=clock.now(),
    )
    things.add(mirror)


def _certificate(name: str, things: Things, **fields: Any) -> Certificate:
    wanted = factories.certificate(
        name,
        team=things.team,
        ca_account=things["providers.caaccount"],
        dns_account=things["providers.dnsaccount"],
        storage_target=things["storage.storagetarget"],
        **fields,
    )
    for number in (1, 2):
        bundle = bundles.issue(name)
        facts = inspect.describe_certificate(bundle.cert)
        seen: dict[str, Any] = {"serial": facts.serial, "fingerprint": facts.fingerprint}
        pem: dict[str, Any] = {"cert": bundle.cert, "chain": bundle.chain}
        version = factories.version(wanted, number, issuer=f"CN={name}", **seen, **pem)
        StoredBundle.objects.create(
            target=wanted.storage_target,
            kind="server",
            name=name,
            fingerprint=version.fingerprint,
            is_current=number == 2,
            cert=bundle.cert,
            chain=bundle.chain,
            private_key={"pem": bundle.privkey},
        )
    return wanted


def _authorities(things: Things, label: str) -> None:
    """A root with a certificate on hold, an intermediate that waits, and a profile."""
    wanted: dict[str, Any] = {"actor": Actor.system(), "key_type": "ec256"}
    wanted |= {"team": things.team.name, "subject": {"CN": f"{label} authority"}}
    root = create_authority(name=f"{label}-root", kind="root", **wanted)
    things.add(root)
    waiting = create_authority(name=f"{label}-spare-root", kind="intermediate", **wanted)
    things.spare["providers.authority"] = waiting
    entry = making.leaf(root).entry
    if label == CANARY:
        key = next(HIDDEN_PK)
        LedgerEntry.objects.filter(pk=entry.pk).update(id=key, holder=CANARY, note=CANARY)
        entry = LedgerEntry.objects.get(pk=key)
    things.add(entry)
    revoke_entry(actor=Actor.system(), entry=entry, reason="certificateHold")
    publish_crls(actor=Actor.system(), authority=root)
    things.add(factories.profile(f"{label}-profile"))
    things.spare["providers.profile"] = factories.profile(f"{label}-spare-profile")
    clients.add(things, label, HIDDEN_PK if label == CANARY else itertools.repeat(None))


def keys_of(things: Things) -> set[str]:
    """The primary keys in the objects' addresses, where they cannot be mistaken for others."""
    keys = {str(row.pk) for row in [*things.rows.values(), *things.spare.values()]}
    return {key for key in keys if len(key) > 6}


def erase(things: Things) -> None:
    """Make it so that the team and what it owned never were."""
    rows = [*things.rows.values(), *things.spare.values()]
    StorageMigration.objects.filter(source__team=things.team).delete()
    Mirror.objects.filter(source__team=things.team).delete()
    certificates = Certificate.objects.filter(team=things.team)
    StoredBundle.objects.filter(name__in=certificates.values("name")).delete()
    certificates.delete()
    clients.erase(things)
    authorities = Authority.objects.filter(team=things.team)
    Revocation.objects.filter(entry__authority__in=authorities).delete()
    CRL.objects.filter(key__authority__in=authorities).delete()
    LedgerEntry.objects.filter(authority__in=authorities).delete()
    last = (Group, User, Team)
    for row in sorted(rows, key=lambda row: last.index(type(row)) if type(row) in last else -1):
        type(row)._default_manager.filter(pk=row.pk).delete()
