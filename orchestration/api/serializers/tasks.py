"""Bodies, query strings and answers of the task endpoints."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from orchestration.api.serializers.base import (
    ObjectField,
    OneOfField,
    PageQuery,
    SessionIdField,
    StrictSerializer,
    TextField,
    WholeNumberField,
)
from orchestration.api.serializers.feedback import FeedbackSummaryAnswer
from orchestration.api.serializers.forks import ForkedFromAnswer
from orchestration.models import Task
from orchestration.options import ASKED_TIERS, STRATEGY_OF_MODE
from orchestration.types import STEP_TERMINAL, Priority, TaskRequest, TaskStatus
from orchestration.wishes import MAX_ITERATIONS, RESEARCH_DEPTHS

STRATEGY_PARAMETERS_MAX_BYTES: Final = 32 * 1024
MODES: Final = tuple(STRATEGY_OF_MODE)
STATUS_PREFIX: Final = "TASK_STATUS_"


def session_name(task: Task) -> str:
    """Return the id under which the caller knows the task's session: the caller's own name, if it gave one."""
    return task.session.external_id or str(task.session_id)


class SubmitBody(StrictSerializer):
    """A request for work."""

    unsupported_fields: ClassVar[frozenset[str]] = frozenset(
        {
            "attachments",
        }
    )

    query = TextField(trim_whitespace=False, help_text="What should be done; at most 10,000 characters.")
    session_id = SessionIdField(
        required=False,
        allow_null=True,
        default=None,
        help_text="A session's id, or a name of your own: the first use of a name makes the session.",
    )
    context = ObjectField(  # type: ignore[assignment]
        max_bytes=settings.SHANNON_CONTEXT_MAX_BYTES,
        required=False,
        default=dict,
        help_text="Values for the run, as an object.",
    )
    mode = OneOfField(
        MODES,
        required=False,
        allow_null=True,
        default=None,
        help_text="Absent: chosen here.",
    )
    strategy_parameters = ObjectField(
        max_bytes=STRATEGY_PARAMETERS_MAX_BYTES,
        required=False,
        allow_null=True,
        default=None,
        help_text="Parameters of the mode's strategy; GET /api/v1/strategies lists them.",
    )
    force_swarm = serializers.BooleanField(required=False, default=False, help_text="The same as mode `swarm`.")
    research_strategy = OneOfField(
        RESEARCH_DEPTHS, required=False, allow_null=True, default=None, help_text="Mode `research`, this deep."
    )
    enable_verification = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="With `research`: check claims against their sources."
    )
    template = TextField(
        required=False,
        allow_null=True,
        default=None,
        max_length=100,
        help_text="`name` or `name@version`.",
    )
    template_inputs = ObjectField(
        max_bytes=STRATEGY_PARAMETERS_MAX_BYTES,
        required=False,
        allow_null=True,
        default=None,
        help_text="Values for the template's inputs.",
    )
    role = TextField(
        required=False, allow_null=True, default=None, max_length=64, help_text="Role of agents that have no other."
    )
    skill = TextField(
        required=False,
        allow_null=True,
        default=None,
        max_length=100,
        help_text="A skill: name or name@version.",
    )
    max_iterations = WholeNumberField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=MAX_ITERATIONS,
        help_text="Model calls of one agent at most.",
    )
    response_format = ObjectField(
        max_bytes=STRATEGY_PARAMETERS_MAX_BYTES,
        required=False,
        allow_null=True,
        default=None,
        help_text="OpenAI's `response_format`: the answer as JSON, valid against your schema.",
    )
    model_tier = OneOfField(ASKED_TIERS, required=False, allow_null=True, default=None)
    model_override = TextField(required=False, allow_null=True, default=None, max_length=128)
    provider_override = TextField(required=False, allow_null=True, default=None, max_length=64)
    max_concurrent_agents = WholeNumberField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=settings.SHANNON_TASK_MAX_CONCURRENCY,
        help_text="Steps of the task that run at the same time.",
    )
    priority = OneOfField(
        tuple(Priority),
        required=False,
        default=Priority.NORMAL.value,
        help_text="Which of the tenant's tasks goes first when they wait for workers.",
    )

    def validate_query(self, value: str) -> str:
        """Refuse what is too long, saying the limit and the length."""
        limit = settings.SHANNON_QUERY_MAX_CHARS
        if len(value) > limit:
            raise serializers.ValidationError(f"is {len(value)} characters long; at most {limit} are allowed")
        if not value.strip():
            raise serializers.ValidationError("must not be empty")
        return value

    require_approval = serializers.BooleanField(
        required=False, default=False, help_text="A person must agree before the task begins."
    )

    @property
    def task_request(self) -> TaskRequest:
        """The validated body as the service takes it."""
        values: dict[str, Any] = dict(self.validated_data)
        values |= {"mode": values["mode"] or "", "priority": Priority(values["priority"])}
        return TaskRequest(**values)


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


class EventListQuery(PageQuery):
    """Which events are listed."""

    limit = serializers.IntegerField(
        default=settings.SHANNON_EVENTS_PAGE_MAX, min_value=1, max_value=settings.SHANNON_EVENTS_PAGE_MAX
    )


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


class SubmittedAnswer(serializers.Serializer[Task]):
    """A task that was accepted."""

    task_id = serializers.UUIDField(source="id")
    workflow_id = serializers.UUIDField(source="id", help_text="The same id, under the reference system's name.")
    session_id = serializers.SerializerMethodField()
    status = serializers.SerializerMethodField()
    message = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    def get_status(self, _task: Task) -> str:
        """What it was when it was accepted: a repeated request gets the same answer, whatever happened meanwhile."""
        return TaskStatus.QUEUED

    def get_session_id(self, task: Task) -> str:
        """The session's id, as the caller knows it."""
        return session_name(task)

    def get_message(self, _task: Task) -> str:
        """One line for a person."""
        return "Task submitted."


class SubmittedStreamAnswer(SubmittedAnswer):
    """A task that was accepted, and where to follow it."""

    stream_url = serializers.SerializerMethodField()

    def get_stream_url(self, _task: Task) -> str:
        """Absolute address of the task's event stream."""
        return str(self.context["stream_url"])


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


class EventAnswer(serializers.Serializer[Any]):
    """One thing that happened in a task."""

    workflow_id = serializers.UUIDField()
    type = serializers.CharField()
    agent_id = serializers.CharField()
    step_key = serializers.CharField()
    message = serializers.CharField()
    payload = serializers.JSONField()
    timestamp = serializers.DateTimeField()
    seq = serializers.IntegerField(help_text="From 1, without gaps.")
    stream_id = serializers.CharField(help_text="What `Last-Event-ID` takes.")


class EventPageAnswer(serializers.Serializer[Any]):
    """A page of events, oldest first."""

    events = EventAnswer(many=True)
    total_count = serializers.IntegerField()
