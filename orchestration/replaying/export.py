"""A run's history as one JSON document, from which it can be replayed elsewhere and later."""

from typing import Any, Final
from uuid import UUID

from django.core import serializers

from agents.models import JournalEntry
from orchestration.errors import TaskNotFinished
from orchestration.models import Approval, Event, Step, Task
from orchestration.types import TASK_TERMINAL

FORMAT: Final = 1


def history_export(task_id: UUID) -> dict[str, Any]:
    """Return all rows that a replay of a run reads; whoever calls this may see every tenant's data.

    Values that are stored as blobs come as references, so a run with such values can only be replayed where its blobs
    are.

    Returns:
        `{"format": 1, "task_id", "tenant_id", "session_id", "strategy", "rows": [Django's JSON serialisation]}`.

    Raises:
        TaskNotFinished: The run has not ended.
        Task.DoesNotExist: There is no such task.
    """
    task = Task.objects.get(id=task_id)
    if task.status not in TASK_TERMINAL:
        raise TaskNotFinished(details={"task_id": str(task.id), "status": task.status})
    rows = [
        task,
        *Step.objects.filter(task_id=task.id).order_by("position"),
        *Approval.objects.filter(task_id=task.id).order_by("created_at", "id"),
        *Event.objects.filter(task_id=task.id).order_by("seq"),
        *JournalEntry.objects.filter(task_id=task.id).order_by("step_id", "position"),
    ]
    return {
        "format": FORMAT,
        "task_id": str(task.id),
        "tenant_id": str(task.tenant_id),
        "session_id": str(task.session_id),
        "strategy": task.strategy,
        "rows": serializers.serialize("python", rows),
    }
