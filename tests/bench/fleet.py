"""Many certificates, written straight into an instance's database."""

from tests.servers.instance import Instance

SCRIPT = """
from datetime import timedelta
from django.db import transaction
from certificates.choices import CertificateState
from certificates.models import Certificate, Version
from certmate.core import clock
from providers.models import CAAccount
from storage.models import StorageTarget
count = {count}
now = clock.now()
ca = CAAccount.objects.create(name="fleet", provider="acme", directory_url="https://ca.example.test/dir")
target = StorageTarget.objects.get(is_default=True)
for start in range(0, count, 2000):
    with transaction.atomic():
        rows = Certificate.objects.bulk_create(
            Certificate(
                name=f"host-{{n:06}}.example.test",
                names=[f"host-{{n:06}}.example.test", f"www.host-{{n:06}}.example.test"],
                ca_account=ca, storage_target=target, state=CertificateState.ACTIVE,
                expires_at=now + timedelta(days=60, seconds=n),
                renew_at=now + timedelta(days=30, seconds=n),
                renewal_poll_at=now + timedelta(days=1),
            )
            for n in range(start, min(start + 2000, count))
        )
        versions = Version.objects.bulk_create(
            Version(
                certificate=row, number=1, ca_account=ca, storage_target=target, names=row.names,
                serial=f"{{row.pk:032x}}", fingerprint=f"{{row.pk:064x}}", issuer="CN=Fleet",
                not_before=now, not_after=row.expires_at, key_algorithm="ECDSA", key_size=256,
                public_key_hash=f"{{row.pk:064x}}",
                cert="x" * 1500, chain="x" * 1500, stored_at=now,
            )
            for row in rows
        )
        for row, version in zip(rows, versions):
            row.current_version = version
        Certificate.objects.bulk_update(rows, ["current_version"], batch_size=500)
print(Certificate.objects.count())
"""


def make_fleet(certmate: Instance, count: int) -> None:
    """Fill the database with this many active certificates, none of which is due."""
    made = certmate.manage("shell", "--no-imports", "-c", SCRIPT.format(count=count))
    assert made.split()[-1] == str(count), made
