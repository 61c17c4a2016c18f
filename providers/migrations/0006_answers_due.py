from typing import Any

from django.db import migrations
from django.utils import timezone


def make_due(apps: Any, schema_editor: Any) -> None:
    """What was signed before there was OCSP gets its answers, too."""
    entries = apps.get_model("providers", "LedgerEntry").objects
    now = timezone.now()
    entries.exclude(state="intended").filter(not_after__gt=now).update(answer_due_at=now)


class Migration(migrations.Migration):
    dependencies = [
        ("providers", "0005_ocsp"),
    ]

    operations = [migrations.RunPython(make_due, migrations.RunPython.noop)]
