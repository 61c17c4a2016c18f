from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("storage", "0002_teams"),
    ]

    operations = [
        migrations.AddField(
            model_name="storedbundle",
            name="csr",
            field=models.TextField(blank=True),
        ),
    ]
