import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import certmate.core.fields


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auditlog", "0017_add_actor_email"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Anchor",
            fields=[
                ("size", models.BigIntegerField(primary_key=True, serialize=False)),
                ("peaks", models.BinaryField()),
                ("at", models.DateTimeField()),
                ("note", models.TextField()),
            ],
            options={
                "ordering": ("-size",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("size", models.BigIntegerField(primary_key=True, serialize=False)),
                ("root", models.BinaryField(max_length=32)),
                ("at", models.DateTimeField()),
                ("note", models.TextField()),
            ],
            options={
                "ordering": ("-size",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("sink", models.CharField(max_length=60, primary_key=True, serialize=False)),
                ("size", models.BigIntegerField(default=0)),
                ("at", models.DateTimeField(null=True)),
                ("error", models.CharField(blank=True, max_length=500)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Leaf",
            fields=[
                ("position", models.BigIntegerField(primary_key=True, serialize=False)),
                ("entry_id", models.BigIntegerField(unique=True)),
                ("hash", models.BinaryField(max_length=32)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="LogKey",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "secret",
                    certmate.core.fields.EncryptedJSONField(
                        blank=True, default=dict, editable=False
                    ),
                ),
                ("public", models.CharField(blank=True, max_length=64)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="LogState",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("lease_token", models.UUIDField(editable=False, null=True)),
                ("lease_expires_at", models.DateTimeField(editable=False, null=True)),
                ("adopt_through", models.BigIntegerField(default=0)),
                ("adopted_through", models.BigIntegerField(default=0)),
                ("verified_at", models.DateTimeField(null=True)),
                ("verified_size", models.BigIntegerField(default=0)),
                ("fault", models.JSONField(null=True)),
            ],
            options={
                "verbose_name": "audit log",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Tally",
            fields=[
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("since", models.DateTimeField(db_index=True)),
                ("until", models.DateTimeField()),
                ("count", models.PositiveIntegerField(default=0)),
                ("told", models.JSONField(default=dict)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Unsealed",
            fields=[
                ("entry_id", models.BigIntegerField(primary_key=True, serialize=False)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                (
                    "entry",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="told",
                        serialize=False,
                        to=settings.AUDITLOG_LOGENTRY_MODEL,  # type: ignore[misc]
                    ),
                ),
                ("name", models.CharField(max_length=80, verbose_name="event")),
                ("at", models.DateTimeField()),
                (
                    "actor_kind",
                    models.CharField(
                        choices=[
                            ("person", "Person"),
                            ("agent", "Agent"),
                            ("service", "Service account"),
                            ("schedule", "Schedule"),
                            ("command", "Command"),
                            ("anonymous", "Nobody signed in"),
                        ],
                        max_length=10,
                    ),
                ),
                ("actor_id", models.BigIntegerField(null=True)),
                ("actor_name", models.CharField(blank=True, max_length=150)),
                ("token_id", models.CharField(blank=True, max_length=40, verbose_name="token")),
                ("token_label", models.CharField(blank=True, max_length=150)),
                ("object_kind", models.CharField(max_length=100)),
                ("object_pk", models.CharField(max_length=255)),
                ("request_id", models.CharField(blank=True, max_length=64)),
                ("order_id", models.BigIntegerField(null=True, verbose_name="order")),
                ("address", models.CharField(blank=True, max_length=45)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("mac", models.BinaryField(max_length=32)),
            ],
            options={
                "verbose_name": "audit entry",
                "verbose_name_plural": "audit entries",
                "ordering": ("-at", "-pk"),
                "default_permissions": (),
                "indexes": [
                    models.Index(models.F("at"), models.F("entry"), name="audit_at"),
                    models.Index(
                        models.F("name"), models.F("at"), models.F("entry"), name="audit_name"
                    ),
                    models.Index(
                        models.F("actor_kind"),
                        models.F("at"),
                        models.F("entry"),
                        name="audit_actor_kind",
                    ),
                    models.Index(
                        models.F("actor_name"),
                        models.F("at"),
                        models.F("entry"),
                        name="audit_actor_name",
                    ),
                    models.Index(
                        models.F("object_kind"),
                        models.F("at"),
                        models.F("entry"),
                        name="audit_object_kind",
                    ),
                    models.Index(
                        models.F("object_kind"),
                        models.F("object_pk"),
                        models.F("at"),
                        models.F("entry"),
                        name="audit_object",
                    ),
                    models.Index(
                        models.F("actor_id"),
                        models.F("at"),
                        models.F("entry"),
                        condition=models.Q(("actor_id__isnull", False)),
                        name="audit_actor",
                    ),
                    models.Index(
                        models.F("order_id"),
                        models.F("at"),
                        models.F("entry"),
                        condition=models.Q(("order_id__isnull", False)),
                        name="audit_order",
                    ),
                    models.Index(
                        models.F("token_id"), models.F("at"), models.F("entry"), name="audit_token"
                    ),
                    models.Index(
                        models.F("request_id"),
                        models.F("at"),
                        models.F("entry"),
                        name="audit_request",
                    ),
                    models.Index(
                        models.F("address"), models.F("at"), models.F("entry"), name="audit_address"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Node",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("level", models.PositiveSmallIntegerField()),
                ("index", models.BigIntegerField()),
                ("hash", models.BinaryField(max_length=32)),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        models.F("level"), models.F("index"), name="audit_node_place"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SavedSearch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=80)),
                ("query", models.CharField(blank=True, max_length=2000)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="audit_searches",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("name",),
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        models.F("owner"), models.F("name"), name="audit_search_name"
                    )
                ],
            },
        ),
    ]
