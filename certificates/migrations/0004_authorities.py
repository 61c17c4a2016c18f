import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0005_token_made_by"),
        ("certificates", "0003_alt_names"),
        ("providers", "0003_authorities"),
        ("storage", "0002_teams"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="certificate",
            name="authority",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="providers.authority",
            ),
        ),
        migrations.AddField(
            model_name="certificate",
            name="profile",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="providers.profile",
            ),
        ),
        migrations.AddField(
            model_name="certificate",
            name="validity_days",
            field=models.PositiveIntegerField(
                blank=True, help_text="Empty: as the profile says.", null=True
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="authority",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="providers.authority",
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="profile",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="providers.profile",
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="validity_days",
            field=models.PositiveIntegerField(
                blank=True, help_text="Empty: as the profile says.", null=True
            ),
        ),
        migrations.AddField(
            model_name="version",
            name="authority",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="providers.authority",
            ),
        ),
        migrations.AddField(
            model_name="version",
            name="entry",
            field=models.OneToOneField(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="providers.ledgerentry",
            ),
        ),
        migrations.AlterField(
            model_name="certificate",
            name="ca_account",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="providers.caaccount",
                verbose_name="CA account",
            ),
        ),
        migrations.AlterField(
            model_name="certificate",
            name="challenge_type",
            field=models.CharField(
                blank=True,
                choices=[("dns-01", "DNS-01"), ("http-01", "HTTP-01")],
                default="dns-01",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="order",
            name="ca_account",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="providers.caaccount",
                verbose_name="CA account",
            ),
        ),
        migrations.AlterField(
            model_name="order",
            name="challenge_type",
            field=models.CharField(
                blank=True,
                choices=[("dns-01", "DNS-01"), ("http-01", "HTTP-01")],
                default="dns-01",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="version",
            name="ca_account",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="providers.caaccount",
                verbose_name="CA account",
            ),
        ),
        migrations.AddConstraint(
            model_name="certificate",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("authority", None),
                        ("ca_account__isnull", False),
                        ("profile", None),
                        ("validity_days", None),
                        models.Q(("challenge_type", ""), _negated=True),
                    ),
                    models.Q(
                        ("authority__isnull", False),
                        ("challenge_type", ""),
                        ("profile__isnull", False),
                        ("ca_account", None),
                    ),
                    _connector="OR",
                ),
                name="certificate_one_issuer",
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("authority", None),
                        ("ca_account__isnull", False),
                        ("profile", None),
                        ("validity_days", None),
                        models.Q(("challenge_type", ""), _negated=True),
                    ),
                    models.Q(
                        ("authority__isnull", False),
                        ("challenge_type", ""),
                        ("profile__isnull", False),
                        ("ca_account", None),
                    ),
                    _connector="OR",
                ),
                name="order_one_issuer",
            ),
        ),
        migrations.AddConstraint(
            model_name="version",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("authority", None), ("ca_account__isnull", False), ("entry", None)),
                    models.Q(
                        ("authority__isnull", False), ("ca_account", None), ("entry__isnull", False)
                    ),
                    _connector="OR",
                ),
                name="version_one_issuer",
            ),
        ),
    ]
