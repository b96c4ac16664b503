"""Asks a server that speaks OpenAI's protocol, and makes an answer of its JSON."""

from collections.abc import Generator, Mapping
from functools import partial
from typing import Any, Final

from agents.llm.errors import ModelAnswerInvalid
from agents.llm.replies import Answer, StatedUsage
from agents.llm.stream import StreamAssembly
from agents.llm.timeouts import CallTimeouts
from agents.llm.types import ToolCall
from agents.llm.wire.bridge import items_of, result_of
from agents.llm.wire.exchange import pieces_read, whole_read
from agents.llm.wire.request import WireRequest
from shannon_project.config.catalogue import CatalogueModel

_USAGE: Final = ("prompt_tokens", "completion_tokens")


def wire_answer(request: WireRequest, model: CatalogueModel, timeouts: CallTimeouts) -> Answer:
    """Return an answer that comes whole.

    Raises:
        ModelAnswerInvalid: It has no choice.
        WireFailed, WireUnreadable, CallOverdue: See `whole_read`.
    """
    return answer_of(result_of(partial(whole_read, request, timeouts)), model)


def answer_of(body: Mapping[str, Any], model: CatalogueModel) -> Answer:
    """Return an answer in the OpenAI format as ours.

    Raises:
        ModelAnswerInvalid: It has no choice.
    """
    choice = _choice(body)
    if choice is None:
        raise ModelAnswerInvalid(f"{model.name} answered without a choice.")
    message = _mapping(choice.get("message"))
    calls = tuple(_call(place, call) for place, call in enumerate(message.get("tool_calls") or ()))
    reason = choice.get("finish_reason")
    stated = stated_usage(body.get("usage"))
    return Answer(_text(message), calls, reason if isinstance(reason, str) else None, stated, _thought(message))


def wire_pieces(request: WireRequest, timeouts: CallTimeouts) -> Generator[Mapping[str, Any]]:
    """Yield the pieces of an answer as they come; close it when leaving it early. Raises as `wire_answer`."""
    return items_of(partial(pieces_read, request, timeouts))


class WireAssembly(StreamAssembly):
    """Makes one answer of pieces that are JSON as it came."""

    def add(self, chunk: Mapping[str, Any]) -> None:
        """Take a piece, and hand its text on."""
        if chunk.get("usage"):
            self.usage = chunk["usage"]
        choice = _choice(chunk)
        if choice is None:  # the piece that carries only usage
            return
        self.finish_reason = choice.get("finish_reason") or self.finish_reason
        delta = _mapping(choice.get("delta"))
        for part in delta.get("tool_calls") or ():
            function = _mapping(part.get("function"))
            self.add_tool_call(part.get("index"), part.get("id"), function.get("name"), function.get("arguments"))
        self.add_thought(_thought(delta))
        self.add_text(_text(delta))

    def stated(self) -> StatedUsage | None:
        """Return what the server says that it used."""
        return stated_usage(self.usage)


def stated_usage(usage: Any) -> StatedUsage | None:
    """Return the usage of an answer's JSON; None as `StatedUsage.of_counts`."""
    if not isinstance(usage, Mapping):
        return None
    details = _mapping(usage.get("prompt_tokens_details"))
    prompt, completion = (usage.get(name) for name in _USAGE)
    written = usage.get("cache_creation_input_tokens") or 0
    return StatedUsage.of_counts(prompt, completion, details.get("cached_tokens") or 0, written)


def _choice(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    choices = body.get("choices")
    return choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else None


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else ""


def _thought(message: Mapping[str, Any]) -> str:
    """Return what a model thought; servers have two names for it."""
    thought = message.get("reasoning_content") or message.get("reasoning")
    return thought if isinstance(thought, str) else ""


def _call(place: int, call: Mapping[str, Any]) -> ToolCall:
    function = _mapping(call.get("function"))
    return ToolCall(call.get("id") or f"call_{place}", function.get("name") or "", function.get("arguments") or "{}")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
