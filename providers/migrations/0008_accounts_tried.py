import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("providers", "0007_crl_shards"),
    ]

    operations = [
        migrations.AddField(
            model_name="caaccount",
            name="orders_per_hour",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="New orders an hour at most. Empty: what is known of the CA's own limits.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="caaccount",
            name="paused_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="dnsaccount",
            name="delegated_zones",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="Zones elsewhere whose challenges lead to these by CNAME.",
            ),
        ),
        migrations.AddField(
            model_name="dnsaccount",
            name="verification_error",
            field=models.TextField(blank=True, editable=False),
        ),
        migrations.AddField(
            model_name="dnsaccount",
            name="verified_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name="dnsaccount",
            name="propagation_seconds",
            field=models.PositiveSmallIntegerField(
                blank=True,
                help_text="How long to wait at most until the zone's servers agree.",
                null=True,
            ),
        ),
        migrations.CreateModel(
            name="CATurn",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("ticket", models.CharField(max_length=80)),
                ("urgency", models.DateTimeField()),
                ("lapses_at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="turns",
                        to="providers.caaccount",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["account", "urgency", "id"], name="ca_turn_by_urgency")
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("account", "ticket"), name="one_turn_a_ticket")
                ],
            },
        ),
        migrations.CreateModel(
            name="CAUse",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=10)),
                ("subject", models.CharField(blank=True, max_length=64)),
                ("at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="uses",
                        to="providers.caaccount",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["account", "kind", "subject", "at"], name="ca_use_of_subject"
                    )
                ],
            },
        ),
    ]
