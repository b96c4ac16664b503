"""Tasks as they are listed and read."""

from collections.abc import Mapping
from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from orchestration.api.serializers.base import (
    PageQuery,
    SessionIdField,
)
from orchestration.api.serializers.feedback import FeedbackSummaryAnswer
from orchestration.api.serializers.forks import ForkedFromAnswer
from orchestration.models import Task
from orchestration.types import STEP_TERMINAL, Priority, TaskStatus

STATUS_PREFIX: Final = "TASK_STATUS_"


def session_name(task: Task) -> str:
    """Return the id under which the caller knows the task's session: the caller's own name, if it gave one."""
    return task.session.external_id or str(task.session_id)


class TaskListQuery(PageQuery):
    """Which tasks are listed."""

    status = serializers.CharField(required=False, default=None, help_text="For example COMPLETED; any case.")
    session_id = SessionIdField(required=False, default=None)

    def validate_status(self, value: str | None) -> str | None:
        """Accept a status with or without the prefix of the reference system."""
        if value is None:
            return None
        name = value.upper().removeprefix(STATUS_PREFIX)
        if name not in TaskStatus.__members__:
            raise serializers.ValidationError(f"must be one of: {', '.join(TaskStatus)}")
        return name


class UsageAnswer(serializers.Serializer[Task]):
    """What a task has used so far."""

    total_tokens = serializers.SerializerMethodField()
    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    cost_usd = serializers.FloatField()
    cost_is_complete = serializers.BooleanField(help_text="False: the price of some call was not known.")
    model_calls = serializers.IntegerField()
    tool_calls = serializers.IntegerField()

    def get_total_tokens(self, task: Task) -> int:
        """Prompt and completion tokens together."""
        return task.prompt_tokens + task.completion_tokens


class TaskSummaryAnswer(serializers.Serializer[Task]):
    """A task in a list."""

    task_id = serializers.UUIDField(source="id")
    workflow_id = serializers.UUIDField(source="id")
    session_id = serializers.SerializerMethodField()
    query = serializers.CharField()
    status = serializers.CharField()
    mode = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    completed_at = serializers.DateTimeField(allow_null=True)
    total_token_usage = UsageAnswer(source="*")

    def get_session_id(self, task: Task) -> str:
        """The session's id, as the caller knows it."""
        return session_name(task)

    def get_mode(self, task: Task) -> str:
        """What was asked for, or the strategy that was chosen."""
        return task.mode or task.strategy


class TaskPageAnswer(serializers.Serializer[Any]):
    """A page of tasks, newest first."""

    tasks = TaskSummaryAnswer(many=True)
    total_count = serializers.IntegerField()


class TaskAnswer(TaskSummaryAnswer):
    """Everything about a task. The serializer's context carries `steps`, their number by status, and `forks`."""

    status = serializers.SerializerMethodField()  # type: ignore[assignment]
    progress = serializers.SerializerMethodField(help_text="From 0 to 1: the part of the known steps that has ended.")
    context = serializers.JSONField()  # type: ignore[assignment]
    result = serializers.CharField(allow_null=True)
    error = serializers.SerializerMethodField(help_text="One sentence; empty when nothing went wrong.")
    error_details = serializers.JSONField(source="error", allow_null=True)
    model_used = serializers.CharField()
    provider = serializers.CharField()
    usage = UsageAnswer(source="*")
    metadata = serializers.SerializerMethodField()
    feedback = serializers.SerializerMethodField(
        help_text="What people say of the answer: the mean score, and how many."
    )
    forked_from = serializers.SerializerMethodField(help_text="The task that this one repeats from a step on, or null.")
    forks = serializers.SerializerMethodField(help_text="Ids of the tasks that repeat this one, oldest first.")
    started_at = serializers.DateTimeField(allow_null=True)
    updated_at = serializers.DateTimeField()

    @property
    def _steps(self) -> Mapping[str, int]:
        steps: Mapping[str, int] = self._context["steps"]  # `context` is a field of the answer here
        return steps

    def get_status(self, task: Task) -> str:
        """The status with the reference system's prefix, which the official client takes off."""
        return STATUS_PREFIX + task.status

    def get_progress(self, task: Task) -> float:
        """Ended steps in proportion to known steps; 1 for a completed task."""
        if task.status == TaskStatus.COMPLETED:
            return 1.0
        counts = self._steps
        ended = sum(count for status, count in counts.items() if status in STEP_TERMINAL)
        return round(ended / sum(counts.values()), 3) if counts else 0.0

    def get_error(self, task: Task) -> str:
        """What went wrong, in words."""
        return str(task.error["message"]) if task.error else ""

    @extend_schema_field(FeedbackSummaryAnswer())
    def get_feedback(self, task: Task) -> dict[str, Any]:
        """How good people call it; GET …/feedback has their words."""
        return dict(FeedbackSummaryAnswer(task).data)

    @extend_schema_field(ForkedFromAnswer(allow_null=True))
    def get_forked_from(self, task: Task) -> dict[str, Any] | None:
        """Where it came from and what was copied."""
        return None if task.forked_from_id is None else dict(ForkedFromAnswer(task).data)

    def get_forks(self, _task: Task) -> list[str]:
        """The tasks that came from it."""
        return [str(fork_id) for fork_id in self._context["forks"]]

    def get_metadata(self, task: Task) -> dict[str, Any]:
        """What the strategy left, what each model did, steps by state, calls made cheaper, who changed the status."""
        steps = self._steps
        return {
            **task.result_metadata,
            "model_breakdown": self._context["models"],
            "strategy": task.strategy,
            "priority": tuple(Priority)[task.priority],
            "trigger_type": "schedule" if task.schedule_id else "fork" if task.forked_from_id else "api",
            "schedule_id": str(task.schedule_id) if task.schedule_id else None,
            "steps": {"total": sum(steps.values()), **steps},
            "calls_made_cheaper": self._context.get("degradations") or {},
            "status_reason": task.status_reason,
            "status_changed_by": task.status_changed_by,
        }
