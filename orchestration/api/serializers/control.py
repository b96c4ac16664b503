"""What stopping a task, for good or for a while, takes and gives."""

from typing import Any

from rest_framework import serializers

from orchestration.api.serializers.base import StrictSerializer, TextField
from orchestration.models import Task
from orchestration.types import TaskStatus


class ReasonBody(StrictSerializer):
    """Why a task is cancelled, paused or resumed."""

    reason = TextField(required=False, default="", allow_blank=True, max_length=500)


class ControlAnswer(serializers.Serializer[Any]):
    """Whether the request changed, or found, what it asked for."""

    success = serializers.BooleanField()
    task_id = serializers.UUIDField()
    message = serializers.CharField()


class ControlStateAnswer(serializers.Serializer[Task]):
    """Whether a task is paused or cancelled, since when, by whom and why."""

    task_id = serializers.UUIDField()
    is_paused = serializers.BooleanField()
    is_cancelled = serializers.BooleanField()
    paused_at = serializers.DateTimeField(allow_null=True)
    pause_reason = serializers.CharField(allow_null=True)
    paused_by = serializers.CharField(allow_null=True)
    cancel_reason = serializers.CharField(allow_null=True)
    cancelled_by = serializers.CharField(allow_null=True)

    def to_representation(self, task: Task) -> dict[str, Any]:
        """Return the state; what does not apply is null."""
        is_paused, is_cancelled = task.status == TaskStatus.PAUSED, task.status == TaskStatus.CANCELLED
        return {
            "task_id": str(task.id),
            "is_paused": is_paused,
            "is_cancelled": is_cancelled,
            "paused_at": task.paused_at.isoformat() if task.paused_at else None,
            "pause_reason": task.status_reason if is_paused else None,
            "paused_by": task.status_changed_by if is_paused else None,
            "cancel_reason": task.status_reason if is_cancelled else None,
            "cancelled_by": task.status_changed_by if is_cancelled else None,
        }
