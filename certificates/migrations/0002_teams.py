import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0002_teams"),
        ("certificates", "0001_initial"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="certificate",
            options={
                "ordering": ("name",),
                "permissions": [
                    ("renew_certificate", "Can renew and reissue certificate"),
                    ("revoke_certificate", "Can revoke certificate"),
                    ("download_certificate", "Can download certificate"),
                    ("export_key_certificate", "Can export private key of certificate"),
                    ("administer_certificate", "Can administer certificate"),
                ],
            },
        ),
        migrations.AddField(
            model_name="certificate",
            name="team",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="access.team",
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="by_system",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="order",
            name="requested_token",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="access.apitoken",
                verbose_name="requested with",
            ),
        ),
        migrations.CreateModel(
            name="AltName",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("value", models.CharField(db_index=True, max_length=255)),
                ("reversed", models.CharField(max_length=255)),
                (
                    "certificate",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alt_names",
                        to="certificates.certificate",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("certificate", "value"), name="alt_name_unique")
                ],
            },
        ),
    ]
