"""What is submitted, and what says that it was accepted."""

from typing import Any, ClassVar, Final

from django.conf import settings
from rest_framework import serializers

from orchestration.api.serializers.base import (
    ObjectField,
    OneOfField,
    SessionIdField,
    StrictSerializer,
    TextField,
    WholeNumberField,
)
from orchestration.api.serializers.tasks.answers import session_name
from orchestration.models import Task
from orchestration.options import ASKED_TIERS, STRATEGY_OF_MODE
from orchestration.types import Priority, TaskRequest, TaskStatus
from orchestration.wishes import MAX_ITERATIONS, RESEARCH_DEPTHS

STRATEGY_PARAMETERS_MAX_BYTES: Final = 32 * 1024
MODES: Final = tuple(STRATEGY_OF_MODE)


class SubmitBody(StrictSerializer):
    """A request for work."""

    unsupported_fields: ClassVar[frozenset[str]] = frozenset({"attachments"})
    only_empty_fields: ClassVar[frozenset[str]] = frozenset({"provider_override"})

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
