from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_adopt")]

    operations = [
        migrations.RemoveIndex(
            model_name="event",
            name="audit_object",
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                models.F("object_pk"),
                models.F("object_kind"),
                models.F("at"),
                models.F("entry"),
                name="audit_object",
            ),
        ),
    ]
