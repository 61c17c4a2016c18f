from typing import Any

from django.db import migrations, models


def start_anew(apps: Any, schema_editor: Any) -> None:
    """Which revocations the bases say is not known in the other form: the next CRLs are bases."""
    apps.get_model("providers", "CRLShard").objects.update(base_number=None, base_at=None)


class Migration(migrations.Migration):
    dependencies = [
        ("providers", "0010_ca_profiles"),
    ]

    operations = [
        migrations.RunPython(start_anew, start_anew),
        migrations.RemoveField(model_name="revocation", name="is_in_base"),
        migrations.RemoveIndex(model_name="crlchange", name="crl_change_of_shard"),
        migrations.AddField(
            model_name="crlchange",
            name="is_told",
            field=models.BooleanField(default=False),
        ),
        migrations.AlterField(
            model_name="crlchange",
            name="changed_at",
            field=models.DateTimeField(),
        ),
        migrations.AddIndex(
            model_name="crlchange",
            index=models.Index(fields=["key", "shard", "is_told"], name="crl_change_of_shard"),
        ),
        migrations.AddIndex(
            model_name="crlchange",
            index=models.Index(
                fields=["changed_at"],
                name="crl_change_waiting",
                condition=models.Q(is_told=False),
            ),
        ),
    ]
