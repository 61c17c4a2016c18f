from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("providers", "0009_responder_retry"),
    ]

    operations = [
        migrations.AddField(
            model_name="caaccount",
            name="offered_profiles",
            field=models.JSONField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="caaccount",
            name="profile",
            field=models.CharField(
                blank=True,
                help_text="The CA's kind of certificate, unless one names another. Empty: the CA chooses.",
                max_length=64,
            ),
        ),
    ]
