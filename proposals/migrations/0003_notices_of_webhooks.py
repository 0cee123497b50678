from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("proposals", "0002_started_by")]

    operations = [
        migrations.AddField(
            model_name="noticesettings",
            name="services_not_told",
            field=models.BooleanField(default=True, verbose_name="services that could not be told of events"),
        ),
    ]
