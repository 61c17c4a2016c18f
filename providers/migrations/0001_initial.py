import uuid

import django.core.validators
from django.db import migrations, models

import certmate.core.fields
import providers.models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="HTTPChallenge",
            fields=[
                ("token", models.CharField(max_length=128, primary_key=True, serialize=False)),
                ("key_authorization", models.CharField(max_length=255)),
                ("expires_at", models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name="CAAccount",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        max_length=100,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[a-z0-9][a-z0-9._-]*\\Z",
                                "Lower-case letters, digits, dots, dashes and underscores only.",
                            )
                        ],
                    ),
                ),
                ("is_default", models.BooleanField(default=False, verbose_name="default")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("provider", models.CharField(choices=providers.models.ca_choices, max_length=40)),
                (
                    "directory_url",
                    models.CharField(max_length=500, verbose_name="ACME directory URL"),
                ),
                (
                    "email",
                    models.EmailField(blank=True, max_length=254, verbose_name="contact e-mail"),
                ),
                (
                    "eab",
                    certmate.core.fields.EncryptedJSONField(
                        blank=True,
                        default=dict,
                        editable=False,
                        verbose_name="external account binding",
                    ),
                ),
                (
                    "trust_bundle",
                    models.TextField(
                        blank=True, verbose_name="extra trusted CA certificates (PEM)"
                    ),
                ),
                (
                    "account_key",
                    certmate.core.fields.EncryptedJSONField(
                        blank=True, default=dict, editable=False
                    ),
                ),
                (
                    "account_uri",
                    models.CharField(
                        blank=True,
                        editable=False,
                        max_length=500,
                        verbose_name="account URL at the CA",
                    ),
                ),
                ("registered_at", models.DateTimeField(editable=False, null=True)),
            ],
            options={
                "verbose_name": "CA account",
                "ordering": ("name",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True)),
                        fields=("is_default",),
                        name="one_default_ca_account",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DNSAccount",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        max_length=100,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[a-z0-9][a-z0-9._-]*\\Z",
                                "Lower-case letters, digits, dots, dashes and underscores only.",
                            )
                        ],
                    ),
                ),
                ("is_default", models.BooleanField(default=False, verbose_name="default")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("provider", models.CharField(choices=providers.models.dns_choices, max_length=40)),
                (
                    "credentials",
                    certmate.core.fields.EncryptedJSONField(
                        blank=True, default=dict, editable=False
                    ),
                ),
                (
                    "zones",
                    models.JSONField(
                        blank=True, default=list, help_text="Zones that these credentials serve."
                    ),
                ),
                (
                    "propagation_seconds",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="How long to wait until the provider's servers agree.",
                        null=True,
                    ),
                ),
            ],
            options={
                "verbose_name": "DNS account",
                "ordering": ("name",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True)),
                        fields=("provider",),
                        name="one_default_dns_account_a_provider",
                    )
                ],
            },
        ),
    ]
