"""What may go wrong with one call, as plain data."""

from dataclasses import dataclass, fields
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Fault:
    """How one call is answered. The default is a good answer.

    Attributes:
        model: Only calls of this model; empty: of any.
        key: Only calls with this API key; empty: with any.
        times: For how many calls; 0: for ever.
        status: Not 200: an error in OpenAI's shape with this status.
        retry_after: The header of that name.
        message: What the error says.
        text: The answer; None: `You said: ` and the last user message.
        reasoning: What the model thinks before it answers.
        chunks: Into how many pieces a streamed answer is split.
        tool_calls: `[{"id", "name", "arguments"}]` in place of a text; arguments are text and may be broken.
        first_token_seconds: How long nothing comes.
        between_seconds: Pause before each further piece of a stream.
        stall_after_chunks: After so many pieces nothing comes any more, for `stall_seconds`.
        stall_seconds: See there; the connection stays open.
        cut_after_chunks: After so many pieces the connection is reset; an answer that is not streamed is cut half-way.
        body: Sent as it is in place of an answer, for JSON that is none.
        usage: `{}`: none is stated; else what is stated; None: the counted one.
        empty_choices: The answer has no choices, or no vectors.
        giant_characters: The answer is this long.
        finish_reason: Of the answer.
    """

    model: str = ""
    key: str = ""
    times: int = 1
    status: int = 200
    retry_after: str = ""
    message: str = "told to fail"
    text: str | None = None
    reasoning: str = ""
    chunks: int = 4
    tool_calls: tuple[dict[str, str], ...] = ()
    first_token_seconds: float = 0.0
    between_seconds: float = 0.0
    stall_after_chunks: int | None = None
    stall_seconds: float = 20.0
    cut_after_chunks: int | None = None
    body: str | None = None
    usage: dict[str, Any] | None = None
    empty_choices: bool = False
    giant_characters: int = 0
    finish_reason: str = "stop"

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Make a fault of a JSON object; a name that is none of the above is an error."""
        unknown = set(value) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"no such part of a fault: {', '.join(sorted(unknown))}")
        return cls(**{**value, "tool_calls": tuple(value.get("tool_calls", ()))})

    def is_for(self, model: str, key: str) -> bool:
        """Tell whether a call is meant."""
        return self.model in {"", model} and self.key in {"", key}
