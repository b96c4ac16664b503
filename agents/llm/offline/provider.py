"""The offline provider: takes a request in the OpenAI format and answers in its words."""

import hashlib
import json
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings

from agents.llm.offline.conversation import MARKER, Turn, message_text, turn_read
from agents.llm.offline.forms import form_answer
from agents.llm.offline.json_forms import least_value
from agents.llm.offline.planner.plans import plan_answer
from agents.llm.offline.reforming import reformed
from agents.llm.offline.results import is_synthesis
from agents.llm.offline.skills import WantedCall, final_answer, next_calls
from agents.llm.offline.synthesis import synthesis_answer

PROVIDER: Final = "offline"
_UTF8_BYTES_PER_TOKEN: Final = 4
_PIECE: Final = re.compile(r"(?:\S+\s*){1,8}|\s+")  # litellm takes half a millisecond for each chunk of a stream


@dataclass(frozen=True, slots=True)
class OfflineAnswer:
    """An answer: text or tool calls, with ids and token counts that depend on nothing but the request."""

    id: str
    text: str
    tool_calls: tuple[dict[str, Any], ...]
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int

    def usage(self) -> dict[str, int]:
        """Return the usage in the OpenAI format."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
        }

    def message(self) -> dict[str, Any]:
        """Return the assistant's message in the OpenAI format."""
        calls = [dict(call) for call in self.tool_calls]
        return {"role": "assistant", "content": self.text or None, "tool_calls": calls or None}

    def whole(self) -> dict[str, Any]:
        """Return the answer in the OpenAI format, as it comes whole."""
        choice = {"index": 0, "message": self.message(), "finish_reason": self.finish_reason}
        return {"id": self.id, "choices": [choice], "usage": self.usage()}

    def pieces(self) -> Iterator[dict[str, Any]]:
        """Yield the answer in the OpenAI format, as it is streamed; the usage comes last."""
        for delta, finish_reason in self.deltas():
            yield {"id": self.id, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}
        yield {"id": self.id, "choices": [], "usage": self.usage()}

    def deltas(self) -> Iterator[tuple[dict[str, Any], str | None]]:
        """Yield the message a few words at a time, then its tool calls; the last piece has the finish reason."""
        pieces: list[dict[str, Any]] = [{"role": "assistant", "content": word} for word in _PIECE.findall(self.text)]
        for index, call in enumerate(self.tool_calls):
            pieces.append({"role": "assistant", "content": None, "tool_calls": [{"index": index, **call}]})
        for position, piece in enumerate(pieces, start=1):
            yield piece, self.finish_reason if position == len(pieces) else None


class OfflineProvider:
    """Answers by rules; says so in every text. Holds no state."""

    def answer(self, *, messages: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any]) -> OfflineAnswer:
        """Return the answer to a request, after `SHANNON_OFFLINE_LATENCY_SECONDS`; see `answer_at_once`."""
        if settings.SHANNON_OFFLINE_LATENCY_SECONDS:
            time.sleep(settings.SHANNON_OFFLINE_LATENCY_SECONDS)
        return self.answer_at_once(messages=messages, parameters=parameters)

    def answer_at_once(self, *, messages: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any]) -> OfflineAnswer:
        """Return the answer to a request.

        Args:
            messages: In the OpenAI chat format.
            parameters: `tools`, `response_format`, `max_tokens` in the OpenAI format; others are ignored.
        """
        tools = parameters.get("tools") or ()
        asked = json.dumps(
            [list(messages), list(tools), parameters.get("response_format")], sort_keys=True, default=str
        )
        digest = hashlib.sha256(asked.encode()).hexdigest()
        text, wanted = _reply(messages, tools, parameters.get("response_format"))
        calls = tuple(_tool_call(call, f"call_{digest[:16]}_{index}") for index, call in enumerate(wanted))
        max_tokens = parameters.get("max_tokens") or parameters.get("max_completion_tokens")
        text, was_cut = _cut(text, max_tokens)
        finish_reason = "tool_calls" if calls else "length" if was_cut else "stop"
        return OfflineAnswer(
            id=f"offline-{digest[:24]}",
            text=text,
            tool_calls=calls,
            finish_reason=finish_reason,
            prompt_tokens=_tokens(asked),
            completion_tokens=_tokens(text) + sum(_tokens(json.dumps(call["function"])) for call in calls),
        )


def _reply(
    messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]], response_format: Mapping[str, Any] | None
) -> tuple[str, tuple[WantedCall, ...]]:
    form = (response_format or {}).get("json_schema") or {}
    if form.get("name") == "plan":
        return plan_answer(messages), ()
    filled = form_answer(str(form.get("name")), messages) if form else None
    if filled is not None:
        return filled, ()
    again = reformed(messages)
    if again is not None:
        return again, ()
    last_user = next((message_text(m) for m in reversed(messages) if m.get("role") == "user"), "")
    if is_synthesis(last_user):
        return _marked(synthesis_answer(last_user)), ()
    turn = turn_read(messages, tools)
    calls = next_calls(turn)
    if calls:
        return "", calls
    return _in_form(turn, response_format, form), ()


def _in_form(turn: Turn, response_format: Mapping[str, Any] | None, form: Mapping[str, Any]) -> str:
    answer = _marked(final_answer(turn))
    if form.get("schema"):
        return json.dumps(least_value(form["schema"], answer), ensure_ascii=False)
    if (response_format or {}).get("type") == "json_object":
        return json.dumps({"answer": answer}, ensure_ascii=False)
    return answer


def _marked(answer: str) -> str:
    """Say what wrote it, on a line of its own: nobody is to take rules for a language model."""
    return f"{MARKER} answered by rules, not by a language model.\n\n{answer}"


def _tool_call(call: WantedCall, call_id: str) -> dict[str, Any]:
    arguments = json.dumps(call.arguments, ensure_ascii=False)
    return {"id": call_id, "type": "function", "function": {"name": call.tool, "arguments": arguments}}


def _cut(text: str, max_tokens: int | None) -> tuple[str, bool]:
    if not max_tokens or _tokens(text) <= max_tokens:
        return text, False
    return text.encode()[: max_tokens * _UTF8_BYTES_PER_TOKEN].decode("utf-8", "ignore"), True


def _tokens(text: str) -> int:
    """Return a token count: one for every four bytes, whatever they are."""
    return math.ceil(len(text.encode("utf-8", "replace")) / _UTF8_BYTES_PER_TOKEN)
