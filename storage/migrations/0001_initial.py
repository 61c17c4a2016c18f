import uuid

import django.db.models.deletion
from django.db import migrations, models

import certmate.core.fields
import storage.catalogue


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="StorageTarget",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.SlugField(max_length=64, unique=True)),
                ("backend", models.CharField(choices=storage.catalogue.choices, max_length=32)),
                (
                    "parameters",
                    certmate.core.fields.EncryptedJSONField(
                        blank=True, default=dict, editable=False
                    ),
                ),
                (
                    "is_default",
                    models.BooleanField(
                        default=False,
                        help_text="Used where a certificate names no storage target.",
                        verbose_name="default",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("verified_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("verification_error", models.TextField(blank=True, editable=False)),
            ],
            options={
                "ordering": ("name",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True)),
                        fields=("is_default",),
                        name="storage_one_default_target",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="StoredBundle",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("kind", models.CharField(max_length=16)),
                ("name", models.CharField(max_length=255)),
                ("fingerprint", models.CharField(max_length=64)),
                ("is_current", models.BooleanField(default=False)),
                ("cert", models.TextField()),
                ("chain", models.TextField(blank=True)),
                (
                    "private_key",
                    certmate.core.fields.EncryptedJSONField(
                        blank=True, default=dict, editable=False
                    ),
                ),
                ("metadata", models.JSONField(blank=True, default=dict)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "target",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="bundles",
                        to="storage.storagetarget",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("target", "kind", "name", "fingerprint"),
                        name="storage_bundle_version",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_current", True)),
                        fields=("target", "kind", "name"),
                        name="storage_one_current_version",
                    ),
                ],
            },
        ),
    ]
