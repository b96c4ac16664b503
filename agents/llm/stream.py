"""Makes one answer of the pieces of a stream in the OpenAI chunk format."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agents.llm.replies import StatedUsage
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
    _thoughts: list[str] = field(default_factory=list)
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
            self.add_tool_call(part.index, part.id, part.function.name, part.function.arguments)
        self.add_thought(getattr(choice.delta, "reasoning_content", None))
        self.add_text(getattr(choice.delta, "content", None))

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._texts)

    @property
    def thought(self) -> str:
        """What the model thought so far: it is billed, and told nobody."""
        return "".join(self._thoughts)

    def stated(self) -> StatedUsage | None:
        """Return what the provider says that it used."""
        return StatedUsage.of(self.usage)

    def tool_calls(self) -> tuple[ToolCall, ...]:
        """Return the tool calls in the model's order; a missing id is made from the position."""
        ordered = sorted(self._calls.items())
        return tuple(
            ToolCall(parts.id or f"call_{index}", parts.name, "".join(parts.arguments) or "{}")
            for index, parts in ordered
        )

    def add_text(self, text: str | None) -> None:
        """Take a piece of text, and hand it on."""
        if text:
            self._texts.append(text)
            self.characters += len(text)
            self.on_delta(text)

    def add_thought(self, text: str | None) -> None:
        """Take a piece of what the model thinks before it answers."""
        if text:
            self._thoughts.append(text)
            self.characters += len(text)

    def add_tool_call(self, index: int | None, call_id: str | None, name: str | None, arguments: str | None) -> None:
        """Take a piece of a tool call; without an index it is a call of its own."""
        parts = self._calls.setdefault(len(self._calls) if index is None else index, _ToolCallParts())
        parts.id = call_id or parts.id
        parts.name = name or parts.name
        parts.arguments.append(arguments or "")
        self.characters += len(arguments or "")
