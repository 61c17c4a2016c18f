import uuid

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import certmate.core.fields
import providers.models.authorities


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("access", "0005_token_made_by"),
        ("providers", "0003_authorities"),
        ("storage", "0003_csr"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Batch",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("lease_token", models.UUIDField(editable=False, null=True)),
                ("lease_expires_at", models.DateTimeField(editable=False, null=True)),
                (
                    "auto_renew",
                    models.BooleanField(default=True, verbose_name="renew automatically"),
                ),
                ("tags", models.JSONField(blank=True, default=list)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("loading", "Being taken in"),
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("cancelled", "Cancelled"),
                            ("failed", "Failed"),
                        ],
                        default="loading",
                        max_length=10,
                    ),
                ),
                ("total", models.PositiveIntegerField(default=0, verbose_name="rows")),
                ("issued", models.PositiveIntegerField(default=0)),
                ("repeated", models.PositiveIntegerField(default=0)),
                ("failed", models.PositiveIntegerField(default=0)),
                ("error_code", models.CharField(blank=True, max_length=60)),
                ("error_detail", models.TextField(blank=True)),
                ("by_token", models.BooleanField(default=False)),
                ("by_system", models.BooleanField(default=False)),
                ("request_id", models.CharField(blank=True, max_length=64)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "authority",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="providers.authority",
                    ),
                ),
                (
                    "profile",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="providers.profile",
                    ),
                ),
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
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="access.apitoken",
                    ),
                ),
                (
                    "storage_target",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="storage.storagetarget",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="access.team",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "batches",
                "ordering": ("-id",),
                "permissions": [
                    ("download_batch", "Can download batch"),
                    ("export_key_batch", "Can export key batch"),
                    ("administer_batch", "Can administer batch"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ClientCertificate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("identifier", models.CharField(max_length=200, unique=True)),
                ("certificate_type", models.CharField(max_length=20)),
                (
                    "method",
                    models.CharField(
                        choices=[
                            ("direct", "Key made here"),
                            ("csr", "CSR brought along"),
                            ("manual", "Issued elsewhere, uploaded"),
                        ],
                        default="direct",
                        max_length=10,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Waiting for approval"),
                            ("active", "Active"),
                            ("held", "On hold"),
                            ("revoked", "Revoked"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                ("common_name", models.CharField(blank=True, db_index=True, max_length=64)),
                ("subject", models.JSONField(blank=True, default=dict)),
                (
                    "alt_names",
                    models.JSONField(blank=True, default=dict, verbose_name="alternative names"),
                ),
                (
                    "key_type",
                    models.CharField(
                        blank=True,
                        choices=providers.models.authorities.key_type_choices,
                        max_length=10,
                    ),
                ),
                ("validity_days", models.PositiveIntegerField(blank=True, null=True)),
                (
                    "csr",
                    models.TextField(blank=True, verbose_name="certificate signing request (PEM)"),
                ),
                (
                    "auto_renew",
                    models.BooleanField(default=True, verbose_name="renew automatically"),
                ),
                (
                    "renewal_days",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Empty: with a third of the lifetime left.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(365),
                        ],
                        verbose_name="renew this many days before expiry",
                    ),
                ),
                ("tags", models.JSONField(blank=True, default=list)),
                ("notes", models.TextField(blank=True)),
                ("expires_at", models.DateTimeField(editable=False, null=True)),
                (
                    "renew_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="renewal due"),
                ),
                (
                    "retry_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="not before"),
                ),
                ("renewal_error", models.CharField(blank=True, editable=False, max_length=500)),
                (
                    "notice_at",
                    models.DateTimeField(
                        editable=False, null=True, verbose_name="somebody has to act since"
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "authority",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="client_certificates",
                        to="providers.authority",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        db_index=False,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "profile",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="providers.profile",
                    ),
                ),
                (
                    "storage_target",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="client_certificates",
                        to="storage.storagetarget",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="access.team",
                    ),
                ),
            ],
            options={
                "ordering": ("identifier",),
                "permissions": [
                    ("renew_clientcertificate", "Can renew client certificate"),
                    ("revoke_clientcertificate", "Can revoke client certificate"),
                    ("download_clientcertificate", "Can download client certificate"),
                    ("export_key_clientcertificate", "Can export key client certificate"),
                    ("administer_clientcertificate", "Can administer client certificate"),
                ],
            },
        ),
        migrations.CreateModel(
            name="BatchRow",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("owner", models.BigIntegerField(null=True)),
                (
                    "key",
                    models.CharField(max_length=100, null=True, verbose_name="idempotency key"),
                ),
                ("identifier", models.CharField(max_length=200)),
                ("wish", models.JSONField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("issued", "Issued"),
                            ("repeated", "Issued by an earlier batch"),
                            ("failed", "Failed"),
                        ],
                        default="queued",
                        max_length=10,
                    ),
                ),
                ("error_code", models.CharField(blank=True, max_length=60)),
                ("error_detail", models.CharField(blank=True, max_length=500)),
                ("error_field", models.CharField(blank=True, max_length=60)),
                (
                    "batch",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rows",
                        to="clients.batch",
                    ),
                ),
                (
                    "certificate",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="clients.clientcertificate",
                    ),
                ),
            ],
            options={
                "ordering": ("number",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ClientVersion",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                (
                    "serial",
                    models.CharField(db_index=True, max_length=40, verbose_name="serial number"),
                ),
                (
                    "fingerprint",
                    models.CharField(
                        db_index=True, max_length=64, verbose_name="SHA-256 fingerprint"
                    ),
                ),
                ("issuer", models.CharField(max_length=500)),
                ("subject", models.CharField(blank=True, max_length=500)),
                ("not_before", models.DateTimeField(verbose_name="valid from")),
                ("not_after", models.DateTimeField(verbose_name="valid until")),
                ("key_algorithm", models.CharField(max_length=20)),
                ("key_size", models.PositiveIntegerField()),
                (
                    "public_key_hash",
                    models.CharField(max_length=64, verbose_name="SHA-256 of the public key"),
                ),
                ("has_private_key", models.BooleanField(default=True)),
                ("cert", models.TextField(blank=True, verbose_name="certificate (PEM)")),
                ("chain", models.TextField(blank=True, verbose_name="chain (PEM)")),
                ("created_at", models.DateTimeField()),
                ("stored_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
                (
                    "revocation_reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("unspecified", "Unspecified"),
                            ("keyCompromise", "Key compromise"),
                            ("cACompromise", "CA compromise"),
                            ("affiliationChanged", "Affiliation changed"),
                            ("superseded", "Superseded"),
                            ("cessationOfOperation", "Cessation of operation"),
                            ("certificateHold", "On hold"),
                            ("privilegeWithdrawn", "Privilege withdrawn"),
                        ],
                        max_length=30,
                    ),
                ),
                (
                    "certificate",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="clients.clientcertificate",
                    ),
                ),
                (
                    "entry",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="client_version",
                        to="providers.ledgerentry",
                    ),
                ),
                (
                    "storage_target",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="storage.storagetarget",
                    ),
                ),
            ],
            options={
                "ordering": ("-number",),
            },
        ),
        migrations.AddField(
            model_name="clientcertificate",
            name="current_version",
            field=models.OneToOneField(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="clients.clientversion",
            ),
        ),
        migrations.CreateModel(
            name="Enrolment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("identifier", models.CharField(db_index=True, max_length=200)),
                ("wish", models.JSONField()),
                (
                    "csr",
                    models.TextField(blank=True, verbose_name="certificate signing request (PEM)"),
                ),
                ("renews", models.BooleanField(default=False)),
                ("supersedes", models.BooleanField(default=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Not submitted yet"),
                            ("pending", "Waiting for approval"),
                            ("issued", "Issued"),
                            ("rejected", "Rejected"),
                            ("failed", "Failed"),
                        ],
                        max_length=10,
                    ),
                ),
                ("by_token", models.BooleanField(default=False)),
                ("decided_at", models.DateTimeField(null=True)),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "authority",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="providers.authority",
                    ),
                ),
                (
                    "certificate",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="enrolments",
                        to="clients.clientcertificate",
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
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
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="access.apitoken",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="access.team",
                    ),
                ),
            ],
            options={
                "ordering": ("-id",),
                "permissions": [
                    ("approve_enrolment", "Can approve enrolment"),
                    ("administer_enrolment", "Can administer enrolment"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Identity",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=200, unique=True, verbose_name="identifier")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("person", "Person"),
                            ("device", "Device"),
                            ("service", "Service"),
                            ("iot", "IoT"),
                        ],
                        max_length=10,
                    ),
                ),
                ("description", models.CharField(blank=True, max_length=200)),
                ("email", models.EmailField(blank=True, max_length=254, verbose_name="e-mail")),
                (
                    "subject",
                    models.JSONField(blank=True, default=dict, verbose_name="subject fields"),
                ),
                ("tags", models.JSONField(blank=True, default=list)),
                ("notes", models.TextField(blank=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        db_index=False,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="access.team",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "identities",
                "ordering": ("name",),
                "permissions": [
                    ("administer_identity", "Can administer identity"),
                    ("view_under_identity", "Can view what belongs to the identity"),
                    ("add_under_identity", "Can add what belongs to the identity"),
                    ("approve_under_identity", "Can approve what belongs to the identity"),
                    ("change_under_identity", "Can change what belongs to the identity"),
                    ("delete_under_identity", "Can delete what belongs to the identity"),
                    ("renew_under_identity", "Can renew what belongs to the identity"),
                    ("revoke_under_identity", "Can revoke what belongs to the identity"),
                    ("download_under_identity", "Can download what belongs to the identity"),
                    ("export_key_under_identity", "Can export key what belongs to the identity"),
                    ("sign_under_identity", "Can sign what belongs to the identity"),
                    ("administer_under_identity", "Can administer what belongs to the identity"),
                ],
            },
        ),
        migrations.AddField(
            model_name="clientcertificate",
            name="identity",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="certificates",
                to="clients.identity",
            ),
        ),
        migrations.CreateModel(
            name="PendingKey",
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
                (
                    "version",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="pending_key",
                        to="clients.clientversion",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AddIndex(
            model_name="batch",
            index=models.Index(fields=["state", "lease_expires_at"], name="batch_state_lease"),
        ),
        migrations.AddIndex(
            model_name="batchrow",
            index=models.Index(
                condition=models.Q(("state", "queued")),
                fields=["batch", "number"],
                name="batch_rows_queued",
            ),
        ),
        migrations.AddConstraint(
            model_name="batchrow",
            constraint=models.UniqueConstraint(
                fields=("batch", "number"), name="batch_row_number_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="batchrow",
            constraint=models.UniqueConstraint(
                condition=models.Q(("key__isnull", False)),
                fields=("owner", "key"),
                name="batch_row_key_unique",
            ),
        ),
        migrations.AddIndex(
            model_name="clientversion",
            index=models.Index(
                condition=models.Q(("stored_at", None)),
                fields=["created_at"],
                name="client_version_unstored",
            ),
        ),
        migrations.AddConstraint(
            model_name="clientversion",
            constraint=models.UniqueConstraint(
                fields=("certificate", "number"), name="client_version_number_unique"
            ),
        ),
        migrations.AddIndex(
            model_name="enrolment",
            index=models.Index(fields=["state", "-id"], name="enrolment_state"),
        ),
        migrations.AddIndex(
            model_name="identity",
            index=models.Index(fields=["kind", "name"], name="identity_kind"),
        ),
        migrations.AddIndex(
            model_name="clientcertificate",
            index=models.Index(fields=["certificate_type", "identifier"], name="client_type"),
        ),
        migrations.AddIndex(
            model_name="clientcertificate",
            index=models.Index(fields=["expires_at", "id"], name="client_expiry"),
        ),
        migrations.AddIndex(
            model_name="clientcertificate",
            index=models.Index(fields=["state", "expires_at"], name="client_state_expiry"),
        ),
        migrations.AddIndex(
            model_name="clientcertificate",
            index=models.Index(
                condition=models.Q(("notice_at", None), ("renew_at__isnull", False)),
                fields=["renew_at"],
                name="client_renewal_due",
            ),
        ),
        migrations.AddIndex(
            model_name="clientcertificate",
            index=models.Index(
                condition=models.Q(("notice_at__isnull", False)),
                fields=["notice_at"],
                name="client_notice",
            ),
        ),
    ]
