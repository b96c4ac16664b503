from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0011_schedules")]

    operations = [
        migrations.AddField(
            model_name="task",
            name="message_count",
            field=models.PositiveIntegerField(default=0, help_text="Messages that people sent while it ran."),
        ),
    ]
