"""Bodies of `/v1/responses` for the `shannon-*` models: every field works or is refused by name."""

from typing import Any, ClassVar, Final

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from orchestration.api.openai.bodies import OutputTokensField, PlatformQuestion
from orchestration.api.openai.conversation import conversation_of
from orchestration.api.serializers.base import ObjectField, OneOfField, TextField
from orchestration.types import TaskRequest
from shannon_project.foundation.responses import chat_format, chat_messages

_TOLD_BACK: Final = (
    "instructions",
    "max_output_tokens",
    "metadata",
    "previous_response_id",
    "temperature",
    "text",
    "top_p",
    "user",
)


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}, "minItems": 1}]})
class InputField(serializers.Field[Any, Any, Any, Any]):
    """One text, or a list of items."""

    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": "must be a text or a list of items, not empty"}

    def to_internal_value(self, data: Any) -> str | list[Any]:
        """Return it as it came."""
        limit = settings.SHANNON_OPENAI_MESSAGES_MAX
        if not data or not isinstance(data, str | list) or (isinstance(data, list) and len(data) > limit):
            self.fail("invalid")
        return data

    def to_representation(self, value: Any) -> Any:
        """Return it as it is."""
        return value


class PlatformResponseBody(PlatformQuestion):
    """A question to a `shannon-*` model, after an earlier answer if it names one."""

    unsupported_fields: ClassVar[frozenset[str]] = frozenset(
        {
            "context_management",
            "conversation",
            "include",
            "max_tool_calls",
            "moderation",
            "parallel_tool_calls",
            "prompt",
            "prompt_cache_key",
            "prompt_cache_options",
            "prompt_cache_retention",
            "reasoning",
            "safety_identifier",
            "service_tier",
            "stream_options",
            "tool_choice",
            "tools",
            "top_logprobs",
        }
    )

    input = InputField()
    instructions = TextField(required=False, allow_null=True, default=None)
    max_output_tokens = OutputTokensField()
    metadata = ObjectField(max_bytes=16 * 1024, required=False, allow_null=True, default=None)
    previous_response_id = TextField(required=False, allow_null=True, default=None, max_length=64)
    background = serializers.BooleanField(required=False, allow_null=True, default=False)
    store = serializers.ChoiceField(
        choices=[True], required=False, allow_null=True, default=None, error_messages={"invalid_choice": "is always on"}
    )
    text = ObjectField(max_bytes=settings.SHANNON_CONTEXT_MAX_BYTES, required=False, allow_null=True, default=None)
    truncation = OneOfField(("auto",), required=False, allow_null=True, default=None)

    def task_request(self, session_id: str | None) -> TaskRequest:
        """Return the question as a task.

        Raises:
            InvalidInput: An item or the format is not taken (the caller's fault).
        """
        values = self.validated_data
        talk = conversation_of(chat_messages(values["input"], values["instructions"]))
        return self.task_request_of(
            session_id,
            query=talk.question,
            conversation=talk.turns,
            system=talk.system,
            max_output_tokens=values["max_output_tokens"],
            response_format=chat_format(values["text"]),
        )

    def told_back(self) -> dict[str, Any]:
        """Return the fields that the answer repeats."""
        told = {name: value for name in _TOLD_BACK if (value := self.validated_data[name]) is not None}
        return {**told, "store": True}
