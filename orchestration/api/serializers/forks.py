"""Body of the fork endpoint, and how a task says what it was forked from."""

from typing import Any, Final

from django.conf import settings
from rest_framework import serializers

from orchestration.api.serializers.base import ObjectField, OneOfField, StrictSerializer, TextField, WholeNumberField
from orchestration.forking import ForkEdits, ForkRequest, ToolOutputEdit
from orchestration.models import Task
from orchestration.options import MODEL_TIERS

POSITION_MAX: Final = 1_000_000


class ToolOutputBody(StrictSerializer):
    """Another answer of a tool."""

    position = WholeNumberField(min_value=0, max_value=POSITION_MAX, help_text="Where in the step's journal.")
    output = serializers.JSONField(allow_null=True, help_text="What the tool is made to have answered.")


class EditsBody(StrictSerializer):
    """What a fork changes; whatever is absent stays as it was."""

    query = TextField(required=False, trim_whitespace=False, max_length=settings.SHANNON_QUERY_MAX_CHARS)
    instructions = TextField(required=False, trim_whitespace=False, max_length=settings.SHANNON_QUERY_MAX_CHARS)
    model_tier = OneOfField(MODEL_TIERS, required=False)
    model_override = TextField(required=False, max_length=128)
    tool_output = ToolOutputBody(required=False)
    plan = ObjectField(max_bytes=settings.SHANNON_CONTEXT_MAX_BYTES, required=False)


class ForkBody(StrictSerializer):
    """Where a fork begins and what it changes."""

    from_step_key = TextField(max_length=128, help_text="The first step that is made anew.")
    from_position = WholeNumberField(
        required=False,
        allow_null=True,
        default=None,
        min_value=0,
        max_value=POSITION_MAX,
        help_text="What the step did before this position of its journal is not done again; absent: all of it is.",
    )
    edits = EditsBody(required=False)

    @property
    def fork_request(self) -> ForkRequest:
        """The validated body as the service takes it."""
        values: dict[str, Any] = dict(self.validated_data.get("edits", {}))
        if "tool_output" in values:
            values["tool_output"] = ToolOutputEdit(**values["tool_output"])
        return ForkRequest(
            from_step_key=self.validated_data["from_step_key"],
            from_position=self.validated_data["from_position"],
            edits=ForkEdits(**values),
        )


class ForkedFromAnswer(serializers.Serializer[Task]):
    """What a task was forked from, and what it did not have to pay."""

    task_id = serializers.UUIDField(source="forked_from_id")
    step_key = serializers.CharField(source="forked_from_step")
    position = serializers.IntegerField(source="forked_from_position", allow_null=True)
    copied = serializers.SerializerMethodField(help_text="Steps and journal entries, with what the source paid.")

    def get_copied(self, task: Task) -> dict[str, Any]:
        """Copied work; none of it is in the task's usage."""
        copied: dict[str, Any] = task.parameters["fork"]["copied"]
        return copied
