import uuid

import django.db.models.deletion
from django.db import migrations, models

import certmate.core.fields


class Migration(migrations.Migration):
    dependencies = [
        ("providers", "0004_delta_crls"),
    ]

    operations = [
        migrations.CreateModel(
            name="OCSPResponse",
            fields=[
                (
                    "entry",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="ocsp_response",
                        serialize=False,
                        to="providers.ledgerentry",
                    ),
                ),
                ("serial", models.CharField(max_length=40)),
                ("sha1", models.BinaryField(verbose_name="to who uses SHA-1")),
                ("sha256", models.BinaryField(verbose_name="to who uses SHA-256")),
                ("this_update", models.DateTimeField()),
                ("next_update", models.DateTimeField()),
            ],
            options={
                "verbose_name": "OCSP response",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Responder",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "private_key",
                    certmate.core.fields.EncryptedJSONField(
                        blank=True, default=dict, editable=False
                    ),
                ),
                ("retired_at", models.DateTimeField(null=True)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="authority",
            name="ocsp_hours",
            field=models.PositiveSmallIntegerField(
                default=96,
                help_text="Of an answer; a new one is made at half of it. 0: no OCSP.",
                verbose_name="OCSP validity in hours",
            ),
        ),
        migrations.AddField(
            model_name="ledgerentry",
            name="answer_due_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="kind",
            field=models.CharField(
                choices=[("leaf", "Leaf"), ("ca", "CA"), ("ocsp", "OCSP responder")], max_length=4
            ),
        ),
        migrations.AddIndex(
            model_name="ledgerentry",
            index=models.Index(
                condition=models.Q(("answer_due_at__isnull", False)),
                fields=["answer_due_at"],
                name="ledger_answer_due",
            ),
        ),
        migrations.AddField(
            model_name="ocspresponse",
            name="key",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="providers.authoritykey",
            ),
        ),
        migrations.AddField(
            model_name="responder",
            name="entry",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="providers.ledgerentry",
            ),
        ),
        migrations.AddField(
            model_name="responder",
            name="key",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="responders",
                to="providers.authoritykey",
            ),
        ),
        migrations.AddField(
            model_name="ocspresponse",
            name="responder",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="providers.responder",
            ),
        ),
        migrations.AddConstraint(
            model_name="responder",
            constraint=models.UniqueConstraint(
                condition=models.Q(("retired_at", None)),
                fields=("key",),
                name="one_responder_of_a_key",
            ),
        ),
        migrations.AddConstraint(
            model_name="ocspresponse",
            constraint=models.UniqueConstraint(
                fields=("key", "serial"), name="ocsp_response_unique"
            ),
        ),
    ]
