"""Bodies of `/v1/responses` that go to one model: every field works or is refused by name. Pure."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from agents.direct.bodies import MESSAGES_MAX, TOOLS_MAX, ChatBody, OutputTokens, StrictBody, pictures_check
from shannon_project.foundation.errors import InvalidInput
from shannon_project.foundation.responses import chat_format, chat_messages, chat_tool_choice, chat_tools

_NOT_KEPT: Final = "answers of one model are not kept: send the conversation as input, or ask a shannon-* model"
_NOT_HANDED_ON: Final = "it is not handed on"
_TOLD_BACK: Final = (
    "instructions",
    "max_output_tokens",
    "metadata",
    "parallel_tool_calls",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_p",
    "user",
)


class Reasoning(StrictBody):
    """`reasoning`; what a model thinks is not told, so there is no summary of it."""

    effort: Annotated[str, Field(max_length=16)] | None = None


class ResponseBody(StrictBody):
    """`POST /v1/responses`."""

    refused: ClassVar[Mapping[str, str]] = {
        "background": "the answer is waited for; a shannon-* model works in the background",
        "context_management": "prompts that are too long are shortened by the gateway's own rules",
        "conversation": _NOT_KEPT,
        "include": "the answer has all that is told",
        "max_tool_calls": "it bounds a provider's own tools, which are not handed on",
        "moderation": _NOT_HANDED_ON,
        "previous_response_id": _NOT_KEPT,
        "prompt": "prompts are not kept here",
        "prompt_cache_key": _NOT_HANDED_ON,
        "prompt_cache_options": _NOT_HANDED_ON,
        "prompt_cache_retention": _NOT_HANDED_ON,
        "safety_identifier": "use user",
        "store": _NOT_KEPT,
        "stream_options": "streams carry nothing but their events",
        "top_logprobs": "probabilities of tokens are not told: not every provider has them",
    }

    model: Annotated[str, Field(min_length=1, max_length=128)]
    input: Annotated[str, Field(min_length=1)] | Annotated[list[Any], Field(min_length=1, max_length=MESSAGES_MAX)]
    instructions: str | None = None
    stream: bool | None = None
    max_output_tokens: OutputTokens | None = None
    metadata: Annotated[dict[str, str], Field(max_length=16)] | None = None
    parallel_tool_calls: bool | None = None
    reasoning: Reasoning | None = None
    service_tier: Literal["auto", "default"] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    text: dict[str, Any] | None = None
    tool_choice: Literal["none", "auto", "required"] | dict[str, Any] | None = None
    tools: Annotated[list[Any], Field(max_length=TOOLS_MAX)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    truncation: Literal["auto"] | None = None
    user: Annotated[str, Field(max_length=128)] | None = None

    def as_chat(self) -> ChatBody:
        """Return the chat that asks the same.

        Raises:
            InvalidInput: An item, a tool or the format is not taken; `details.field` names it (the caller's fault).
        """
        messages = chat_messages(self.input, self.instructions)
        try:
            pictures_check(messages)
        except ValueError as error:
            raise InvalidInput(f"input: {error}.", details={"field": "input"}) from error
        return ChatBody.model_construct(
            model=self.model,
            messages=messages,
            stream=self.stream,
            max_tokens=self.max_output_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            tools=chat_tools(self.tools) if self.tools else None,
            tool_choice=chat_tool_choice(self.tool_choice),  # type: ignore[arg-type] # one of the words, or an object
            parallel_tool_calls=self.parallel_tool_calls,
            response_format=chat_format(self.text),
            reasoning_effort=self.reasoning.effort if self.reasoning else None,
            user=self.user,
        )

    def told_back(self) -> dict[str, Any]:
        """Return the fields that the answer repeats."""
        told = {name: value for name in _TOLD_BACK if (value := getattr(self, name)) is not None}
        effort = {"effort": self.reasoning.effort, "summary": None} if self.reasoning else None
        return told | ({"reasoning": effort} if effort else {})
