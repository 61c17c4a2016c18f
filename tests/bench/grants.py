"""The first page of a million certificates for people who reach a part of them by grants, over
HTTP, on SQLite and on PostgreSQL.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench.lists import UNTHROTTLED, latencies
from tests.bench.result import Result, percentile
from tests.servers.instance import Instance, instance
from tests.servers.postgresql import postgresql

CERTIFICATES = 1_000_000
GRANTS = 50_000
REQUESTS = 60
LIMIT = 150

SCRIPT = """
import random
from datetime import timedelta
from django.contrib.auth.models import Group, Permission, User
from django.db import connection, transaction
from guardian.models import GroupObjectPermission, UserObjectPermission
from certificates.models import Certificate
from certmate.access.models import Team
from certmate.core import clock
from providers.models import CAAccount
from storage.models import StorageTarget
count, granted = {count}, {granted}
now = clock.now()
ca = CAAccount.objects.create(name="fleet", provider="acme", directory_url="https://ca.example.test/dir")
target = StorageTarget.objects.get(is_default=True)
half, few = Team.objects.create(name="half"), Team.objects.create(name="few")
def certificate(n):
    name = f"host-{{n:07}}.example.test"
    team = half if n % 2 else few if n % 1000 == 0 else None
    expires_at = now + timedelta(days=60, seconds=n * 7919 % count)
    return Certificate(
        name=name, names=[name], ca_account=ca, storage_target=target, state="active", team=team,
        expires_at=expires_at, renew_at=now + timedelta(days=30),
    )
for start in range(0, count, 5000):
    with transaction.atomic():
        Certificate.objects.bulk_create(map(certificate, range(start, start + 5000)))
keys = list(Certificate.objects.values_list("pk", flat=True))
view, under = (Permission.objects.get(codename=c) for c in ("view_certificate", "view_under_team"))
def grant(model, pks, right, **who):
    what = dict(permission=right, content_type=right.content_type, **who)
    rows = [model(object_pk=str(pk), **what) for pk in pks]
    model.objects.bulk_create(rows, batch_size=5000)
people = {{name: User.objects.create_user(name) for name in {people}}}
random.seed(1)
grant(UserObjectPermission, random.sample(keys, granted), view, user=people["one-by-one"])
group = Group.objects.create(name="group")
people["by-group"].groups.add(group)
grant(GroupObjectPermission, random.sample(keys, granted), view, group=group)
grant(UserObjectPermission, [few.pk], under, user=people["few"])
grant(UserObjectPermission, [half.pk], under, user=people["half"])
with connection.cursor() as cursor:
    cursor.execute("ANALYZE")
print(Certificate.objects.count())
"""

PEOPLE = {
    "one-by-one": f"{GRANTS:,} grants to him",
    "by-group": f"{GRANTS:,} grants to his group",
    "few": "a team with one in a thousand",
    "half": "a team with every second",
}


def measure_grants() -> list[Result]:
    results = []
    with instance(UNTHROTTLED) as certmate:
        results += _measured(certmate, "SQLite")
    with on_postgresql() as certmate:
        results += _measured(certmate, "PostgreSQL")
    return results


@contextmanager
def on_postgresql() -> Iterator[Instance]:
    with postgresql() as url, instance({"CERTMATE_DATABASE_URL": url, **UNTHROTTLED}) as certmate:
        yield certmate


def _measured(certmate: Instance, database: str) -> list[Result]:
    script = SCRIPT.format(count=CERTIFICATES, granted=GRANTS, people=list(PEOPLE))
    made = certmate.manage("shell", "--no-imports", "-c", script)
    assert made.split()[-1] == str(CERTIFICATES), made
    results = []
    for user, what in PEOPLE.items():
        token = certmate.manage("create_token", "--user", user, "--scope", "read")
        certmate.token = token.split()[-1]
        latencies(certmate, "/api/certificates", 10)
        for path in ("/api/certificates", "/api/certificates?ordering=expires_at"):
            taken = percentile(latencies(certmate, path, REQUESTS), 0.95) * 1000
            name = f"{database}: GET {path} of {CERTIFICATES:,} by {what}"
            results.append(Result(name, taken, LIMIT, " ms", f"p95 of {REQUESTS} over HTTP"))
    return results
