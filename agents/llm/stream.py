"""Makes one answer of the pieces of a stream in the OpenAI chunk format."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agents.llm.types import ToolCall


@dataclass(slots=True)
class _ToolCallParts:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


@dataclass(slots=True)
class StreamAssembly:
    """What has come of a stream so far. Usage is None until the provider states it."""

    on_delta: Callable[[str], None]
    finish_reason: str = ""
    model: str = ""
    usage: Any = None
    characters: int = 0
    _texts: list[str] = field(default_factory=list)
    _calls: dict[int, _ToolCallParts] = field(default_factory=dict)

    def add(self, chunk: Any) -> None:
        """Take a chunk (`choices[0].delta`, `usage`), and hand its text on."""
        usage = getattr(chunk, "usage", None)
        if usage is not None:
            self.usage = usage
        self.model = getattr(chunk, "model", None) or self.model
        if not chunk.choices:  # the chunk that carries only usage
            return
        choice = chunk.choices[0]
        self.finish_reason = choice.finish_reason or self.finish_reason
        for part in getattr(choice.delta, "tool_calls", None) or ():
            self._add_tool_call(part)
        text = getattr(choice.delta, "content", None)
        if text:
            self._texts.append(text)
            self.characters += len(text)
            self.on_delta(text)

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._texts)

    def tool_calls(self) -> tuple[ToolCall, ...]:
        """Return the tool calls in the model's order; a missing id is made from the position."""
        ordered = sorted(self._calls.items())
        return tuple(
            ToolCall(parts.id or f"call_{index}", parts.name, "".join(parts.arguments) or "{}")
            for index, parts in ordered
        )

    def _add_tool_call(self, part: Any) -> None:
        index = part.index if part.index is not None else len(self._calls)
        parts = self._calls.setdefault(index, _ToolCallParts())
        parts.id = part.id or parts.id
        parts.name = part.function.name or parts.name
        arguments = part.function.arguments or ""
        parts.arguments.append(arguments)
        self.characters += len(arguments)
