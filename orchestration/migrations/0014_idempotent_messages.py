"""A message to a task is sent once under a key."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """A column that may be empty."""

    dependencies: ClassVar = [("orchestration", "0013_workflow_template")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="idempotencyrecord",
            name="message_number",
            field=models.PositiveIntegerField(help_text="Of the message to `task` that it made.", null=True),
        ),
    ]
