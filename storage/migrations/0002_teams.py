import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0002_teams"),
        ("storage", "0001_initial"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="storagetarget",
            options={
                "ordering": ("name",),
                "permissions": [
                    ("administer_storagetarget", "Can administer storage target"),
                    ("view_under_storagetarget", "Can view what belongs to the storage target"),
                    ("add_under_storagetarget", "Can add what belongs to the storage target"),
                    (
                        "approve_under_storagetarget",
                        "Can approve what belongs to the storage target",
                    ),
                    ("change_under_storagetarget", "Can change what belongs to the storage target"),
                    ("delete_under_storagetarget", "Can delete what belongs to the storage target"),
                    ("renew_under_storagetarget", "Can renew what belongs to the storage target"),
                    ("revoke_under_storagetarget", "Can revoke what belongs to the storage target"),
                    (
                        "download_under_storagetarget",
                        "Can download what belongs to the storage target",
                    ),
                    (
                        "export_key_under_storagetarget",
                        "Can export key what belongs to the storage target",
                    ),
                    ("sign_under_storagetarget", "Can sign what belongs to the storage target"),
                    (
                        "administer_under_storagetarget",
                        "Can administer what belongs to the storage target",
                    ),
                ],
            },
        ),
        migrations.AddField(
            model_name="storagetarget",
            name="team",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="access.team",
            ),
        ),
    ]
