import uuid

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import certmate.core.fields
import providers.authority.custody
import providers.models.authorities


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0005_token_made_by"),
        ("providers", "0002_teams"),
    ]

    operations = [
        migrations.CreateModel(
            name="BlockedKey",
            fields=[
                (
                    "public_key_hash",
                    models.CharField(max_length=64, primary_key=True, serialize=False),
                ),
                ("reason", models.CharField(max_length=200)),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Profile",
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
                        max_length=64,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[a-z0-9][a-z0-9._-]*\\Z",
                                "Lower-case letters, digits, dots, dashes and underscores only.",
                            )
                        ],
                    ),
                ),
                ("description", models.CharField(blank=True, max_length=200)),
                (
                    "certificate_type",
                    models.CharField(
                        help_text="What the metadata of its certificates says, such as client.",
                        max_length=20,
                    ),
                ),
                ("key_usage", models.JSONField(default=list)),
                ("extended_key_usage", models.JSONField(blank=True, default=list)),
                ("key_types", models.JSONField(default=list)),
                ("default_days", models.PositiveIntegerField()),
                ("longest_days", models.PositiveIntegerField()),
                (
                    "subject",
                    models.JSONField(blank=True, default=dict, verbose_name="subject template"),
                ),
                (
                    "subject_fields",
                    models.JSONField(
                        blank=True, default=list, verbose_name="fields that a requester may set"
                    ),
                ),
                (
                    "alt_names",
                    models.JSONField(
                        blank=True, default=dict, verbose_name="allowed alternative names"
                    ),
                ),
                (
                    "needs_approval",
                    models.BooleanField(
                        default=False,
                        help_text="A request waits until somebody else approves of it.",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ("name",),
                "permissions": [("administer_profile", "Can administer profile")],
            },
        ),
        migrations.CreateModel(
            name="Authority",
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
                (
                    "kind",
                    models.CharField(
                        choices=[("root", "Root"), ("intermediate", "Intermediate")], max_length=12
                    ),
                ),
                (
                    "subject",
                    models.JSONField(
                        help_text="Its distinguished name, the same for all of its keys."
                    ),
                ),
                (
                    "key_type",
                    models.CharField(
                        choices=providers.models.authorities.key_type_choices, max_length=10
                    ),
                ),
                (
                    "custody",
                    models.CharField(choices=providers.authority.custody.choices, max_length=20),
                ),
                ("validity_days", models.PositiveIntegerField()),
                ("path_length", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("name_constraints", models.JSONField(blank=True, default=dict)),
                (
                    "crl_shards",
                    models.PositiveSmallIntegerField(
                        default=1,
                        help_text="Over how many CRLs its next key spreads revocations.",
                        verbose_name="CRL shards",
                    ),
                ),
                (
                    "crl_hours",
                    models.PositiveSmallIntegerField(
                        default=168,
                        help_text="A new one is made at half of it.",
                        verbose_name="CRL validity in hours",
                    ),
                ),
                ("disabled_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "parent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="children",
                        to="providers.authority",
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
                "verbose_name_plural": "authorities",
                "ordering": ("name",),
                "permissions": [
                    ("sign_authority", "Can sign authority"),
                    ("revoke_authority", "Can revoke authority"),
                    ("administer_authority", "Can administer authority"),
                    ("view_under_authority", "Can view what belongs to the authority"),
                    ("add_under_authority", "Can add what belongs to the authority"),
                    ("approve_under_authority", "Can approve what belongs to the authority"),
                    ("change_under_authority", "Can change what belongs to the authority"),
                    ("delete_under_authority", "Can delete what belongs to the authority"),
                    ("renew_under_authority", "Can renew what belongs to the authority"),
                    ("revoke_under_authority", "Can revoke what belongs to the authority"),
                    ("download_under_authority", "Can download what belongs to the authority"),
                    ("export_key_under_authority", "Can export key what belongs to the authority"),
                    ("sign_under_authority", "Can sign what belongs to the authority"),
                    ("administer_under_authority", "Can administer what belongs to the authority"),
                ],
            },
        ),
        migrations.CreateModel(
            name="AuthorityKey",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.PositiveSmallIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting for its certificate"),
                            ("active", "Active"),
                            ("replaced", "Replaced"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("custody", models.CharField(max_length=20)),
                ("key_type", models.CharField(max_length=10)),
                (
                    "private_key",
                    certmate.core.fields.EncryptedJSONField(
                        blank=True, default=dict, editable=False
                    ),
                ),
                (
                    "public_key_hash",
                    models.CharField(
                        max_length=64, unique=True, verbose_name="SHA-256 of the public key"
                    ),
                ),
                (
                    "csr",
                    models.TextField(blank=True, verbose_name="certificate signing request (PEM)"),
                ),
                ("cert", models.TextField(blank=True, verbose_name="certificate (PEM)")),
                (
                    "outside_chain",
                    models.TextField(blank=True, verbose_name="certificates above it (PEM)"),
                ),
                (
                    "cross_cert",
                    models.TextField(blank=True, verbose_name="cross-certificate (PEM)"),
                ),
                (
                    "serial",
                    models.CharField(blank=True, max_length=40, verbose_name="serial number"),
                ),
                (
                    "fingerprint",
                    models.CharField(blank=True, max_length=64, verbose_name="SHA-256 fingerprint"),
                ),
                ("not_before", models.DateTimeField(null=True, verbose_name="valid from")),
                ("not_after", models.DateTimeField(null=True, verbose_name="valid until")),
                ("first_shard", models.PositiveIntegerField()),
                ("crl_shards", models.PositiveSmallIntegerField(verbose_name="CRL shards")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("activated_at", models.DateTimeField(null=True)),
                (
                    "authority",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="keys",
                        to="providers.authority",
                    ),
                ),
                (
                    "issuer_key",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="providers.authoritykey",
                    ),
                ),
            ],
            options={
                "verbose_name": "authority key",
                "ordering": ("-number",),
            },
        ),
        migrations.CreateModel(
            name="CRL",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("shard", models.PositiveIntegerField()),
                ("number", models.PositiveBigIntegerField()),
                ("this_update", models.DateTimeField()),
                ("next_update", models.DateTimeField()),
                ("entries", models.PositiveIntegerField()),
                ("content", models.BinaryField(verbose_name="CRL (DER)")),
                (
                    "key",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="crls",
                        to="providers.authoritykey",
                    ),
                ),
            ],
            options={
                "verbose_name": "CRL",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="LedgerEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("serial", models.CharField(max_length=40, verbose_name="serial number")),
                ("kind", models.CharField(choices=[("leaf", "Leaf"), ("ca", "CA")], max_length=4)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("intended", "About to be signed"),
                            ("signed", "Signed"),
                            ("abandoned", "Abandoned"),
                        ],
                        max_length=10,
                    ),
                ),
                ("profile", models.CharField(blank=True, max_length=64)),
                ("holder", models.CharField(blank=True, max_length=255)),
                ("subject", models.CharField(blank=True, max_length=500)),
                (
                    "public_key_hash",
                    models.CharField(
                        db_index=True, max_length=64, verbose_name="SHA-256 of the public key"
                    ),
                ),
                ("shard", models.PositiveIntegerField(verbose_name="CRL shard")),
                ("not_before", models.DateTimeField(verbose_name="valid from")),
                ("not_after", models.DateTimeField(verbose_name="valid until")),
                ("tbs", models.BinaryField(null=True)),
                ("cert", models.BinaryField(null=True, verbose_name="certificate (DER)")),
                ("request_id", models.CharField(blank=True, max_length=64)),
                ("created_at", models.DateTimeField()),
                ("signed_at", models.DateTimeField(null=True)),
                ("note", models.CharField(blank=True, max_length=200)),
                (
                    "authority",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ledger",
                        to="providers.authority",
                    ),
                ),
                (
                    "key",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="providers.authoritykey",
                    ),
                ),
            ],
            options={
                "verbose_name": "ledger entry",
                "verbose_name_plural": "ledger entries",
                "ordering": ("-id",),
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Revocation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("shard", models.PositiveIntegerField()),
                ("serial", models.CharField(max_length=40)),
                (
                    "reason",
                    models.CharField(
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
                ("revoked_at", models.DateTimeField()),
                ("invalidity_at", models.DateTimeField(null=True)),
                ("not_after", models.DateTimeField()),
                (
                    "entry",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="revocation",
                        to="providers.ledgerentry",
                    ),
                ),
                (
                    "key",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="providers.authoritykey",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AddConstraint(
            model_name="authority",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_default", True)),
                fields=("is_default",),
                name="one_default_authority",
            ),
        ),
        migrations.AddConstraint(
            model_name="authoritykey",
            constraint=models.UniqueConstraint(
                fields=("authority", "number"), name="authority_key_number_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="authoritykey",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "active")),
                fields=("authority",),
                name="one_active_key_an_authority",
            ),
        ),
        migrations.AddConstraint(
            model_name="crl",
            constraint=models.UniqueConstraint(
                fields=("key", "shard", "number"), name="crl_number_unique"
            ),
        ),
        migrations.AddIndex(
            model_name="ledgerentry",
            index=models.Index(
                condition=models.Q(("state", "intended")),
                fields=["created_at"],
                name="ledger_unfinished",
            ),
        ),
        migrations.AddIndex(
            model_name="ledgerentry",
            index=models.Index(fields=["authority", "-id"], name="ledger_of_authority"),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.UniqueConstraint(
                fields=("authority", "serial"), name="ledger_serial_unique"
            ),
        ),
        migrations.AddIndex(
            model_name="revocation",
            index=models.Index(fields=["key", "shard", "not_after"], name="revocation_of_shard"),
        ),
    ]
