"""Bodies for the `shannon-*` models: every field works or is refused by name."""

from typing import Any, ClassVar, Final

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from agents.types import OUTPUT_TOKENS_MAX
from orchestration.api.openai.conversation import conversation_of
from orchestration.api.openai.names import DEFAULT_MODEL, PLATFORM_MODELS
from orchestration.api.serializers.base import (
    ObjectField,
    OneOfField,
    StrictSerializer,
    TextField,
    WholeNumberField,
)
from orchestration.options import ASKED_TIERS
from orchestration.types import TaskRequest
from orchestration.wishes import RESEARCH_DEPTHS

STOPS_MAX: Final = 4  # OpenAI's own limit
_SAMPLING: Final = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed")


class NumberField(serializers.FloatField):
    """A JSON number; strings and booleans are not taken for numbers."""

    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": "must be a number"}

    def to_internal_value(self, data: Any) -> float:
        """Return the number."""
        if type(data) not in (int, float):
            self.fail("invalid")
        return float(super().to_internal_value(data))


class OutputTokensField(WholeNumberField):
    """How many tokens an answer may have; absent and null: as many as the platform lets it."""

    def __init__(self) -> None:
        """Make a field that may be absent."""
        super().__init__(required=False, allow_null=True, default=None, min_value=1, max_value=OUTPUT_TOKENS_MAX)


@extend_schema_field(
    {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "maxItems": STOPS_MAX}]}
)
class StopField(serializers.Field[Any, Any, Any, Any]):
    """One text, or up to four."""

    default_error_messages: ClassVar[dict[str, Any]] = {"invalid": f"must be a text or a list of up to {STOPS_MAX}"}

    def to_internal_value(self, data: Any) -> tuple[str, ...]:
        """Return the texts."""
        texts = [data] if isinstance(data, str) else data
        if not isinstance(texts, list) or len(texts) > STOPS_MAX or not all(isinstance(t, str) and t for t in texts):
            self.fail("invalid")
        return tuple(texts)

    def to_representation(self, value: Any) -> Any:
        """Return it as it is."""
        return value


class ShannonOptions(StrictSerializer):
    """`shannon_options` of the official client."""

    unsupported_fields: ClassVar[frozenset[str]] = frozenset({"agent", "agent_input"})

    context = ObjectField(max_bytes=settings.SHANNON_CONTEXT_MAX_BYTES, required=False, default=dict)  # type: ignore[assignment]
    model_tier = OneOfField(ASKED_TIERS, required=False, allow_null=True, default=None)
    research_strategy = OneOfField(
        RESEARCH_DEPTHS, required=False, allow_null=True, default=None, help_text="Research this deep, by any model."
    )
    role = TextField(
        required=False, allow_null=True, default=None, max_length=64, help_text="Role of agents that have no other."
    )


class StreamOptions(StrictSerializer):
    """`stream_options` of OpenAI."""

    include_usage = serializers.BooleanField(required=False, default=False)


class PlatformQuestion(StrictSerializer):
    """What all bodies have in common."""

    model = OneOfField(tuple(PLATFORM_MODELS), required=False, default=DEFAULT_MODEL)
    stream = serializers.BooleanField(required=False, allow_null=True, default=False)
    temperature = NumberField(required=False, allow_null=True, default=None, min_value=0, max_value=2)
    top_p = NumberField(required=False, allow_null=True, default=None, min_value=0, max_value=1)
    user = TextField(required=False, allow_null=True, default=None, max_length=128)
    shannon_options = ShannonOptions(required=False, allow_null=True, default=None)

    def task_request_of(self, session_id: str | None, **question: Any) -> TaskRequest:
        """Return the body as a task takes it; `question` holds what the kinds of bodies differ in."""
        values = self.validated_data
        options = values["shannon_options"] or {}
        user = {"user": values["user"]} if values["user"] else {}
        model = PLATFORM_MODELS[values["model"]]
        depth = options.get("research_strategy") or model.research_strategy or None
        return TaskRequest(
            session_id=session_id,
            context={**options.get("context", {}), **user},
            mode="research" if depth else model.mode,
            model_tier=options.get("model_tier"),
            research_strategy=depth,
            role=options.get("role"),
            sampling={name: values[name] for name in _SAMPLING if values.get(name) is not None},
            **question,
        )


class PlatformBody(PlatformQuestion):
    """What chats and plain completions have in common."""

    stream_options = StreamOptions(required=False, allow_null=True, default=None)
    max_tokens = OutputTokensField()
    n = WholeNumberField(required=False, allow_null=True, default=None, min_value=1, max_value=1)
    stop = StopField(required=False, allow_null=True, default=None)
    presence_penalty = NumberField(required=False, allow_null=True, default=None, min_value=-2, max_value=2)
    frequency_penalty = NumberField(required=False, allow_null=True, default=None, min_value=-2, max_value=2)
    seed = WholeNumberField(required=False, allow_null=True, default=None)

    @property
    def includes_usage(self) -> bool:
        """Whether a last piece of the stream tells what was used."""
        return bool((self.validated_data["stream_options"] or {}).get("include_usage"))

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts that end the answer."""
        return self.validated_data["stop"] or ()

    @property
    def wants_form(self) -> bool:
        """Whether the answer must have a form, so that nothing can be told of it before it is there."""
        return bool(self.validated_data.get("response_format"))


class PlatformChatBody(PlatformBody):
    """A chat with a `shannon-*` model."""

    unsupported_fields: ClassVar[frozenset[str]] = frozenset(
        {
            "audio",
            "function_call",
            "functions",
            "logit_bias",
            "logprobs",
            "modalities",
            "parallel_tool_calls",
            "prediction",
            "reasoning_effort",
            "tool_choice",
            "tools",
            "top_logprobs",
            "web_search_options",
        }
    )

    messages = serializers.ListField(min_length=1, max_length=settings.SHANNON_OPENAI_MESSAGES_MAX)
    max_completion_tokens = OutputTokensField()
    response_format = ObjectField(
        max_bytes=settings.SHANNON_CONTEXT_MAX_BYTES, required=False, allow_null=True, default=None
    )

    def task_request(self, session_id: str | None) -> TaskRequest:
        """Return the chat as a task."""
        talk = conversation_of(self.validated_data["messages"])
        return self.task_request_of(
            session_id,
            query=talk.question,
            conversation=talk.turns,
            system=talk.system,
            max_output_tokens=self.validated_data["max_completion_tokens"] or self.validated_data["max_tokens"],
            response_format=self.validated_data["response_format"],
        )


class PlatformCompletionBody(PlatformBody):
    """A plain completion by a `shannon-*` model: the prompt is the question."""

    unsupported_fields: ClassVar[frozenset[str]] = frozenset({"best_of", "echo", "logit_bias", "logprobs", "suffix"})

    prompt = TextField(trim_whitespace=False)

    def task_request(self, session_id: str | None) -> TaskRequest:
        """Return the prompt as a task."""
        values = self.validated_data
        return self.task_request_of(session_id, query=values["prompt"], max_output_tokens=values["max_tokens"])
