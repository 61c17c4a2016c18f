from typing import Any

from django.db import migrations
from django.db.models import Max


def remember(apps: Any, schema_editor: Any) -> None:
    """Rows that are there now have no event yet: sealing takes over these and no later ones."""
    newest = apps.get_model("auditlog", "LogEntry").objects.aggregate(newest=Max("id"))["newest"]
    apps.get_model("audit", "LogState").objects.update_or_create(
        pk=1, defaults={"adopt_through": newest or 0}
    )


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [migrations.RunPython(remember, migrations.RunPython.noop)]
