"""Since when a step is claimable, for the age of queues."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """A column that may be empty."""

    dependencies: ClassVar = [("orchestration", "0016_answer_feedback")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="step",
            name="ready_at",
            field=models.DateTimeField(
                blank=True, null=True, help_text="When it last became claimable; empty: when it was made, or not yet."
            ),
        ),
    ]
