import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("certificates", "0005_ca_profiles"),
        ("providers", "0010_ca_profiles"),
    ]

    operations = [
        migrations.CreateModel(
            name="OrderProof",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("names", models.JSONField()),
                (
                    "dns_account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="providers.dnsaccount",
                    ),
                ),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="proofs",
                        to="certificates.order",
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
            },
        ),
    ]
