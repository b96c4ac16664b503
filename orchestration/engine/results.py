"""Reading what earlier steps found."""

from collections.abc import Sequence
from uuid import UUID

from agents.types import SubtaskResult
from orchestration.models import Step


def results_of(task_id: UUID, keys: Sequence[str]) -> list[SubtaskResult]:
    """Return how the steps with these keys ended, in the order in which they were made; one query."""
    if not keys:
        return []
    rows = Step.objects.filter(task_id=task_id, key__in=keys).order_by("position")
    return [
        SubtaskResult(
            id=step.key.removeprefix("agent-"),
            title=step.title,
            status=step.status,
            text=str((step.output or {}).get("text", "")),
            error=str(step.error["message"]) if step.error else None,
        )
        for step in rows.only("key", "title", "status", "output", "error")
    ]
