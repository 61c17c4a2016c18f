import uuid

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import certificates.models.certificate
import certmate.core.fields


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("providers", "0001_initial"),
        ("storage", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Certificate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "names",
                    models.JSONField(
                        help_text="The primary name first, in the form in which the CA sees them."
                    ),
                ),
                (
                    "challenge_type",
                    models.CharField(
                        choices=[("dns-01", "DNS-01"), ("http-01", "HTTP-01")],
                        default="dns-01",
                        max_length=10,
                    ),
                ),
                (
                    "key_type",
                    models.CharField(
                        choices=certificates.models.certificate.key_type_choices,
                        default="ec256",
                        max_length=10,
                    ),
                ),
                (
                    "csr",
                    models.TextField(blank=True, verbose_name="certificate signing request (PEM)"),
                ),
                ("name", models.CharField(max_length=255, unique=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "Not issued yet"),
                            ("active", "Active"),
                            ("revoked", "Revoked"),
                        ],
                        default="pending",
                        max_length=10,
                    ),
                ),
                (
                    "auto_renew",
                    models.BooleanField(default=True, verbose_name="renew automatically"),
                ),
                (
                    "renewal_days",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Empty: when the CA suggests, else with a third of the lifetime left.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(365),
                        ],
                        verbose_name="renew this many days before expiry",
                    ),
                ),
                ("tags", models.JSONField(blank=True, default=list)),
                ("expires_at", models.DateTimeField(editable=False, null=True)),
                (
                    "renew_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="renewal due"),
                ),
                (
                    "retry_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="not before"),
                ),
                ("renewal_poll_at", models.DateTimeField(editable=False, null=True)),
                (
                    "failures",
                    models.PositiveSmallIntegerField(
                        default=0, editable=False, verbose_name="permanent failures in a row"
                    ),
                ),
                ("paused_at", models.DateTimeField(editable=False, null=True)),
                ("pause_reason", models.CharField(blank=True, editable=False, max_length=500)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "ca_account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="providers.caaccount",
                        verbose_name="CA account",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "dns_account",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="providers.dnsaccount",
                        verbose_name="DNS account",
                    ),
                ),
                (
                    "storage_target",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="certificates",
                        to="storage.storagetarget",
                    ),
                ),
            ],
            options={
                "ordering": ("name",),
                "permissions": [
                    ("renew_certificate", "Can renew and reissue certificate"),
                    ("revoke_certificate", "Can revoke certificate"),
                    ("download_certificate", "Can download certificate"),
                    ("export_key_certificate", "Can export private key of certificate"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Order",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "names",
                    models.JSONField(
                        help_text="The primary name first, in the form in which the CA sees them."
                    ),
                ),
                (
                    "challenge_type",
                    models.CharField(
                        choices=[("dns-01", "DNS-01"), ("http-01", "HTTP-01")],
                        default="dns-01",
                        max_length=10,
                    ),
                ),
                (
                    "key_type",
                    models.CharField(
                        choices=certificates.models.certificate.key_type_choices,
                        default="ec256",
                        max_length=10,
                    ),
                ),
                (
                    "csr",
                    models.TextField(blank=True, verbose_name="certificate signing request (PEM)"),
                ),
                ("lease_token", models.UUIDField(editable=False, null=True)),
                ("lease_expires_at", models.DateTimeField(editable=False, null=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("issue", "Issue"),
                            ("renew", "Renew"),
                            ("reissue", "Reissue"),
                            ("revoke", "Revoke"),
                        ],
                        max_length=10,
                    ),
                ),
                ("names_dns_account", models.BooleanField(default=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("waiting", "Waiting for the next attempt"),
                            ("succeeded", "Succeeded"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="queued",
                        max_length=10,
                    ),
                ),
                (
                    "step",
                    models.CharField(
                        choices=[
                            ("prepare", "Make the key and the request"),
                            ("obtain", "Prove control and obtain the certificate"),
                            ("store", "Store certificate and key"),
                            ("finish", "Make it current"),
                            ("revoke", "Tell the CA"),
                            ("done", "Done"),
                        ],
                        default="prepare",
                        max_length=10,
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("unspecified", "Unspecified"),
                            ("keyCompromise", "Key compromise"),
                            ("affiliationChanged", "Affiliation changed"),
                            ("superseded", "Superseded"),
                            ("cessationOfOperation", "Cessation of operation"),
                            ("privilegeWithdrawn", "Privilege withdrawn"),
                        ],
                        max_length=30,
                    ),
                ),
                ("request_id", models.CharField(blank=True, max_length=64)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("next_attempt_at", models.DateTimeField()),
                (
                    "acme_order_url",
                    models.CharField(
                        blank=True, max_length=500, verbose_name="order URL at the CA"
                    ),
                ),
                ("error_code", models.CharField(blank=True, max_length=60)),
                ("error_detail", models.TextField(blank=True)),
                ("error_identifiers", models.JSONField(blank=True, default=dict)),
                (
                    "client_log",
                    models.TextField(
                        blank=True, verbose_name="ACME client's output at the last attempt"
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "ca_account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="providers.caaccount",
                        verbose_name="CA account",
                    ),
                ),
                (
                    "certificate",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="orders",
                        to="certificates.certificate",
                    ),
                ),
                (
                    "dns_account",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="providers.dnsaccount",
                        verbose_name="DNS account",
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
            ],
            options={
                "ordering": ("-id",),
            },
        ),
        migrations.CreateModel(
            name="OrderKey",
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
                ("csr", models.TextField()),
                (
                    "order",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="key",
                        to="certificates.order",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="OrderLog",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "step",
                    models.CharField(
                        choices=[
                            ("prepare", "Make the key and the request"),
                            ("obtain", "Prove control and obtain the certificate"),
                            ("store", "Store certificate and key"),
                            ("finish", "Make it current"),
                            ("revoke", "Tell the CA"),
                            ("done", "Done"),
                        ],
                        max_length=10,
                    ),
                ),
                ("message", models.TextField()),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="log",
                        to="certificates.order",
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
            },
        ),
        migrations.CreateModel(
            name="Version",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("names", models.JSONField()),
                (
                    "serial",
                    models.CharField(db_index=True, max_length=40, verbose_name="serial number"),
                ),
                (
                    "fingerprint",
                    models.CharField(
                        max_length=64, unique=True, verbose_name="SHA-256 fingerprint"
                    ),
                ),
                ("issuer", models.CharField(max_length=500)),
                ("not_before", models.DateTimeField(verbose_name="valid from")),
                ("not_after", models.DateTimeField(verbose_name="valid until")),
                ("key_algorithm", models.CharField(max_length=20)),
                ("key_size", models.PositiveIntegerField()),
                (
                    "public_key_hash",
                    models.CharField(
                        db_index=True, max_length=64, verbose_name="SHA-256 of the public key"
                    ),
                ),
                ("has_private_key", models.BooleanField(default=True)),
                ("cert", models.TextField(verbose_name="certificate (PEM)")),
                ("chain", models.TextField(blank=True, verbose_name="chain (PEM)")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("stored_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
                (
                    "revocation_reason",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("unspecified", "Unspecified"),
                            ("keyCompromise", "Key compromise"),
                            ("affiliationChanged", "Affiliation changed"),
                            ("superseded", "Superseded"),
                            ("cessationOfOperation", "Cessation of operation"),
                            ("privilegeWithdrawn", "Privilege withdrawn"),
                        ],
                        max_length=30,
                    ),
                ),
                (
                    "ca_account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="providers.caaccount",
                        verbose_name="CA account",
                    ),
                ),
                (
                    "certificate",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="certificates.certificate",
                    ),
                ),
                (
                    "order",
                    models.OneToOneField(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="version_made",
                        to="certificates.order",
                    ),
                ),
                (
                    "storage_target",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="versions",
                        to="storage.storagetarget",
                    ),
                ),
            ],
            options={
                "ordering": ("-number",),
            },
        ),
        migrations.AddField(
            model_name="order",
            name="version",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="revocation_orders",
                to="certificates.version",
            ),
        ),
        migrations.AddField(
            model_name="certificate",
            name="current_version",
            field=models.OneToOneField(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="certificates.version",
            ),
        ),
        migrations.AddConstraint(
            model_name="version",
            constraint=models.UniqueConstraint(
                fields=("certificate", "number"), name="version_number_unique"
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                fields=["state", "next_attempt_at"], name="order_state_next_attempt"
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(fields=["state", "lease_expires_at"], name="order_state_lease"),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(fields=["certificate", "-id"], name="order_of_certificate"),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(fields=["state", "-id"], name="order_state"),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ("queued", "running", "waiting"))),
                fields=("certificate",),
                name="one_open_order_a_certificate",
            ),
        ),
        migrations.AddIndex(
            model_name="certificate",
            index=models.Index(fields=["expires_at", "id"], name="certificate_expiry"),
        ),
        migrations.AddIndex(
            model_name="certificate",
            index=models.Index(fields=["state", "expires_at"], name="certificate_state_expiry"),
        ),
        migrations.AddIndex(
            model_name="certificate",
            index=models.Index(
                condition=models.Q(("auto_renew", True), ("paused_at", None)),
                fields=["renew_at"],
                name="certificate_renewal_due",
            ),
        ),
        migrations.AddIndex(
            model_name="certificate",
            index=models.Index(
                condition=models.Q(("auto_renew", True), ("paused_at", None)),
                fields=["renewal_poll_at"],
                name="certificate_renewal_poll",
            ),
        ),
        migrations.AddIndex(
            model_name="certificate",
            index=models.Index(
                condition=models.Q(("paused_at__isnull", False)),
                fields=["paused_at"],
                name="certificate_paused",
            ),
        ),
    ]
