from typing import Any

from django.db import migrations

BATCH = 1000


def fill(apps: Any, schema_editor: Any) -> None:
    """The names of the certificates that are there, and who asked for their orders."""
    Certificate = apps.get_model("certificates", "Certificate")
    AltName = apps.get_model("certificates", "AltName")
    Order = apps.get_model("certificates", "Order")
    rows = []
    for pk, names in Certificate.objects.values_list("pk", "names").iterator(chunk_size=BATCH):
        rows += [
            AltName(certificate_id=pk, value=n, reversed=n[::-1]) for n in dict.fromkeys(names)
        ]
        if len(rows) >= BATCH:
            AltName.objects.bulk_create(rows, ignore_conflicts=True)
            rows = []
    AltName.objects.bulk_create(rows, ignore_conflicts=True)
    Order.objects.filter(requested_by=None).update(by_system=True)


class Migration(migrations.Migration):
    dependencies = [("certificates", "0002_teams")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
