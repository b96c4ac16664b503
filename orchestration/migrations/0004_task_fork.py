"""Forks: which task, step and position a task repeats, and which of its steps are copies."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Columns that are empty in every task that is no fork."""

    dependencies: ClassVar = [("orchestration", "0001_initial")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="task",
            name="forked_from",
            field=models.ForeignKey(
                blank=True,
                help_text="The task it repeats.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="forks",
                to="orchestration.task",
            ),
        ),
        migrations.AddField(
            model_name="task",
            name="forked_from_step",
            field=models.CharField(blank=True, help_text="Key of the first step made anew.", max_length=128),
        ),
        migrations.AddField(
            model_name="task",
            name="forked_from_position",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="That step's journal was copied below this position; empty: not at all.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="step",
            name="copied_from",
            field=models.UUIDField(
                blank=True,
                help_text="The other task's step whose outcome this is; nothing was paid for it here.",
                null=True,
            ),
        ),
    ]
