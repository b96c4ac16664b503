"""What creating requests were answered."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from orchestration.models.schedules import Schedule
from orchestration.models.tasks import Task
from policy.models import Tenant


class IdempotencyRecord(models.Model):
    """The first answer to a creating request, so that a retry gets the same one."""

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    endpoint = models.CharField(max_length=64)
    request_digest = models.CharField(max_length=64)
    task = models.ForeignKey(Task, on_delete=models.CASCADE, null=True, related_name="+")
    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, null=True, related_name="+")
    message_number = models.PositiveIntegerField(null=True, help_text="Of the message to `task` that it made.")
    resource_id = models.UUIDField(null=True, help_text="Of what else it made: a role, say, or a tool.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "endpoint", "key"], name="idempotency_key_unique")
        ]

    def __str__(self) -> str:
        return f"{self.endpoint} {self.key}"
