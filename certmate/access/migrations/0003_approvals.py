import datetime

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import certmate.access.models.approvals


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0002_teams"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Approval",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("operation", models.CharField(max_length=64)),
                (
                    "verb",
                    models.CharField(
                        choices=certmate.access.models.approvals.verb_choices, max_length=20
                    ),
                ),
                ("params", models.TextField()),
                ("digest", models.CharField(editable=False, max_length=64)),
                ("target_pk", models.CharField(blank=True, max_length=64)),
                ("target_repr", models.CharField(max_length=255, verbose_name="object")),
                ("requester", models.CharField(editable=False, max_length=32)),
                ("by_token", models.BooleanField(default=False)),
                ("reason", models.CharField(blank=True, max_length=500)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Waits for approval"),
                            ("approved", "Approved"),
                            ("carried_out", "Carried out"),
                            ("rejected", "Rejected"),
                            ("expired", "Expired"),
                            ("cancelled", "Cancelled"),
                            ("failed", "Failed"),
                        ],
                        default="pending",
                        max_length=12,
                    ),
                ),
                ("valid_for", models.DurationField()),
                ("created_at", models.DateTimeField(verbose_name="requested")),
                ("expires_at", models.DateTimeField(verbose_name="expires")),
                ("decided_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("result", models.CharField(blank=True, max_length=255)),
                ("error_code", models.CharField(blank=True, max_length=60)),
                ("error_detail", models.TextField(blank=True)),
                (
                    "requested_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "requested_token",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="access.apitoken",
                        verbose_name="requested with",
                    ),
                ),
                (
                    "target_type",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="contenttypes.contenttype",
                    ),
                ),
            ],
            options={
                "verbose_name": "request for approval",
                "verbose_name_plural": "requests for approval",
                "ordering": ("-id",),
                "permissions": [
                    ("approve_approval", "Can approve request for approval"),
                    ("administer_approval", "Can administer request for approval"),
                ],
                "default_permissions": ("view", "change"),
            },
        ),
        migrations.CreateModel(
            name="Requirement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("rule", models.CharField(max_length=64)),
                ("role_name", models.CharField(max_length=150)),
                ("required", models.PositiveSmallIntegerField()),
                (
                    "approval",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="requirements",
                        to="access.approval",
                    ),
                ),
                (
                    "role",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="auth.group",
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="approval",
            name="roles",
            field=models.ManyToManyField(
                related_name="+", through="access.Requirement", to="auth.group"
            ),
        ),
        migrations.CreateModel(
            name="Vote",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("user_name", models.CharField(max_length=150)),
                ("approves", models.BooleanField()),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("at", models.DateTimeField()),
                (
                    "approval",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="votes",
                        to="access.approval",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ApprovalRule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.SlugField(max_length=64, unique=True)),
                (
                    "verb",
                    models.CharField(
                        choices=certmate.access.models.approvals.verb_choices, max_length=20
                    ),
                ),
                ("target_pk", models.CharField(blank=True, max_length=64)),
                (
                    "target_repr",
                    models.CharField(blank=True, max_length=255, verbose_name="target"),
                ),
                (
                    "required",
                    models.PositiveSmallIntegerField(
                        default=1,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="approvals needed",
                    ),
                ),
                ("valid_for", models.DurationField(default=datetime.timedelta(days=3))),
                ("is_enabled", models.BooleanField(default=True, verbose_name="enabled")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "kind",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="contenttypes.contenttype",
                    ),
                ),
                (
                    "role",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="approval_rules",
                        to="auth.group",
                    ),
                ),
                (
                    "target_type",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="contenttypes.contenttype",
                    ),
                ),
            ],
            options={
                "ordering": ("name",),
                "permissions": [("administer_approvalrule", "Can administer approval rule")],
                "indexes": [models.Index(fields=["verb", "is_enabled"], name="approval_rule_verb")],
            },
        ),
        migrations.AddIndex(
            model_name="approval",
            index=models.Index(fields=["state", "expires_at"], name="approval_state_expiry"),
        ),
        migrations.AddIndex(
            model_name="approval",
            index=models.Index(fields=["state", "-id"], name="approval_state"),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ("pending", "approved"))),
                fields=("digest", "requester"),
                name="one_open_approval_a_call",
            ),
        ),
        migrations.AddConstraint(
            model_name="vote",
            constraint=models.UniqueConstraint(
                fields=("approval", "user"), name="one_vote_a_person"
            ),
        ),
    ]
