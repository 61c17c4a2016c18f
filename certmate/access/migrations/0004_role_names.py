from typing import Any

from django.db import migrations

ROLES = ("viewer", "operator", "approver", "CA administrator", "auditor", "administrator")


def make_way(apps: Any, schema_editor: Any) -> None:
    """Whoever is in a group that only has a role's name must not get the role's rights by it."""
    groups = apps.get_model("auth", "Group").objects
    for group in groups.filter(name__in=ROLES):
        # A role has rights on teams; before roles were seeded there were none.
        if group.permissions.filter(content_type__app_label="access", codename="view_team"):
            continue
        number = 1
        while groups.filter(name=f"{group.name} (own {number})").exists():
            number += 1
        group.name = f"{group.name} (own {number})"
        group.save(update_fields=["name"])


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0003_approvals"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [migrations.RunPython(make_way, migrations.RunPython.noop)]
