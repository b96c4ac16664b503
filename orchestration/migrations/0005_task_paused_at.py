"""Pauses: since when a task is paused."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """A column that is empty in every task that is not paused."""

    dependencies: ClassVar = [("orchestration", "0004_task_fork")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="task",
            name="paused_at",
            field=models.DateTimeField(blank=True, help_text="Since when it is paused; empty: it is not.", null=True),
        ),
    ]
