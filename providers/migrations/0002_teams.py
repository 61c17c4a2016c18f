import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0002_teams"),
        ("providers", "0001_initial"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="caaccount",
            options={
                "ordering": ("name",),
                "permissions": [
                    ("administer_caaccount", "Can administer CA account"),
                    ("view_under_caaccount", "Can view what belongs to the CA account"),
                    ("add_under_caaccount", "Can add what belongs to the CA account"),
                    ("approve_under_caaccount", "Can approve what belongs to the CA account"),
                    ("change_under_caaccount", "Can change what belongs to the CA account"),
                    ("delete_under_caaccount", "Can delete what belongs to the CA account"),
                    ("renew_under_caaccount", "Can renew what belongs to the CA account"),
                    ("revoke_under_caaccount", "Can revoke what belongs to the CA account"),
                    ("download_under_caaccount", "Can download what belongs to the CA account"),
                    ("export_key_under_caaccount", "Can export key what belongs to the CA account"),
                    ("sign_under_caaccount", "Can sign what belongs to the CA account"),
                    ("administer_under_caaccount", "Can administer what belongs to the CA account"),
                ],
                "verbose_name": "CA account",
            },
        ),
        migrations.AlterModelOptions(
            name="dnsaccount",
            options={
                "ordering": ("name",),
                "permissions": [
                    ("administer_dnsaccount", "Can administer DNS account"),
                    ("view_under_dnsaccount", "Can view what belongs to the DNS account"),
                    ("add_under_dnsaccount", "Can add what belongs to the DNS account"),
                    ("approve_under_dnsaccount", "Can approve what belongs to the DNS account"),
                    ("change_under_dnsaccount", "Can change what belongs to the DNS account"),
                    ("delete_under_dnsaccount", "Can delete what belongs to the DNS account"),
                    ("renew_under_dnsaccount", "Can renew what belongs to the DNS account"),
                    ("revoke_under_dnsaccount", "Can revoke what belongs to the DNS account"),
                    ("download_under_dnsaccount", "Can download what belongs to the DNS account"),
                    (
                        "export_key_under_dnsaccount",
                        "Can export key what belongs to the DNS account",
                    ),
                    ("sign_under_dnsaccount", "Can sign what belongs to the DNS account"),
                    (
                        "administer_under_dnsaccount",
                        "Can administer what belongs to the DNS account",
                    ),
                ],
                "verbose_name": "DNS account",
            },
        ),
        migrations.AddField(
            model_name="caaccount",
            name="team",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="access.team",
            ),
        ),
        migrations.AddField(
            model_name="dnsaccount",
            name="team",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="access.team",
            ),
        ),
    ]
