from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("certificates", "0004_authorities"),
    ]

    operations = [
        migrations.AddField(
            model_name="certificate",
            name="ca_profile",
            field=models.CharField(
                blank=True,
                help_text="Empty: as the CA account says.",
                max_length=64,
                verbose_name="profile at the CA",
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="ca_profile",
            field=models.CharField(
                blank=True,
                help_text="Empty: as the CA account says.",
                max_length=64,
                verbose_name="profile at the CA",
            ),
        ),
    ]
