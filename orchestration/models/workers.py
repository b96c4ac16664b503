"""Who takes steps."""

from django.db import models
from django.db.models.functions import Now


class WorkerPresence(models.Model):
    """A worker process that takes steps, as it was last heard of: what there is to share."""

    name = models.CharField(max_length=255, primary_key=True, help_text="Node name and process id.")
    threads = models.PositiveIntegerField(help_text="Steps that it runs at once.")
    seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "worker"

    def __str__(self) -> str:
        return self.name
