"""The trace that a task belongs to is kept with it: whoever rings for it, its jobs go on with that one."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orchestration", "0018_idempotent_resources")]

    operations = [
        migrations.AddField(
            model_name="task",
            name="traceparent",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="W3C trace context of its submission; empty: traces were off.",
                max_length=55,
            ),
        ),
    ]
