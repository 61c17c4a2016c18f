import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Team",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.SlugField(max_length=64, unique=True)),
                ("description", models.CharField(blank=True, max_length=200)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ("name",),
                "permissions": [
                    ("administer_team", "Can administer team"),
                    ("view_under_team", "Can view what belongs to the team"),
                    ("add_under_team", "Can add what belongs to the team"),
                    ("approve_under_team", "Can approve what belongs to the team"),
                    ("change_under_team", "Can change what belongs to the team"),
                    ("delete_under_team", "Can delete what belongs to the team"),
                    ("renew_under_team", "Can renew what belongs to the team"),
                    ("revoke_under_team", "Can revoke what belongs to the team"),
                    ("download_under_team", "Can download what belongs to the team"),
                    ("export_key_under_team", "Can export key what belongs to the team"),
                    ("sign_under_team", "Can sign what belongs to the team"),
                    ("administer_under_team", "Can administer what belongs to the team"),
                ],
            },
        ),
        migrations.AlterModelOptions(
            name="apitoken",
            options={
                "ordering": ("-id",),
                "permissions": [("administer_apitoken", "Can administer API token")],
                "verbose_name": "API token",
            },
        ),
        migrations.AddField(
            model_name="apitoken",
            name="is_agent",
            field=models.BooleanField(
                default=False,
                help_text="The audit log then tells its calls from those of a person.",
                verbose_name="is used by automation",
            ),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="name_patterns",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="Only certificates whose names all match, such as *.dev.example.com.",
            ),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="networks",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="Only calls from these networks, such as 192.0.2.0/24.",
                verbose_name="source networks",
            ),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="replaces",
            field=models.OneToOneField(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="replacement",
                to="access.apitoken",
            ),
        ),
        migrations.CreateModel(
            name="ServiceAccount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("description", models.CharField(blank=True, max_length=200)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="service_account",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="service_accounts",
                        to="access.team",
                    ),
                ),
            ],
            options={
                "ordering": ("user__username",),
                "permissions": [("administer_serviceaccount", "Can administer service account")],
            },
        ),
        migrations.AddField(
            model_name="apitoken",
            name="teams",
            field=models.ManyToManyField(
                blank=True,
                help_text="Only what these teams own. Empty: no limit.",
                related_name="+",
                to="access.team",
            ),
        ),
    ]
