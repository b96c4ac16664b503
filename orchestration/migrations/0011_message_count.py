from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0010_review_step")]

    operations = [
        migrations.AddField(
            model_name="task",
            name="message_count",
            field=models.PositiveIntegerField(default=0, help_text="Messages that people sent while it ran."),
        ),
    ]
