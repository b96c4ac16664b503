"""Answers as objects of the Responses API."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

_PREFIX: Final = "resp_"


class Status(StrEnum):
    """How far an answer is."""

    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    CANCELLED = "cancelled"


def response_id(number: str) -> str:
    """Return the id of an answer; `number` is hexadecimal."""
    return f"{_PREFIX}{number}"


def id_number(name: str) -> str | None:
    """Return the number of an answer's id; None: it is no such id."""
    return name.removeprefix(_PREFIX) if name.startswith(_PREFIX) else None


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered.

    Attributes:
        text: May be empty.
        calls: Calls of functions: `id`, `name` and `arguments` of each.
        finish_reason: As a chat has it.
        usage: `prompt_tokens`, `completion_tokens`, and if known `cached_tokens` and `cost_usd`; None: not known yet.
    """

    text: str = ""
    calls: Sequence[Mapping[str, str]] = ()
    finish_reason: str = "stop"
    usage: Mapping[str, Any] | None = None

    @property
    def status(self) -> Status:
        """Whether the answer came to its own end."""
        return Status.INCOMPLETE if self.finish_reason in _INCOMPLETE else Status.COMPLETED


_INCOMPLETE: Final = {"length": "max_output_tokens", "content_filter": "content_filter"}


@dataclass(frozen=True, slots=True)
class ResponseShape:
    """Makes the objects of one answer; all of them have its id, model, time, and what was asked.

    Attributes:
        number: Hexadecimal; the ids of the answer and of its parts are made of it.
        asked: Fields that are told back as they were asked: `instructions`, `tools`, ….
    """

    number: str
    model: str
    asked: Mapping[str, Any] = field(default_factory=dict)
    created_at: int = field(default_factory=lambda: int(time.time()))

    @property
    def message_id(self) -> str:
        """The id of the answer's message."""
        return f"msg_{self.number}"

    def whole(self, answer: Answer, model: str = "", **more: Any) -> dict[str, Any]:
        """Return an answer that has ended; `model` is the one that gave it."""
        reason = _INCOMPLETE.get(answer.finish_reason)
        ended = {
            "status": answer.status,
            "incomplete_details": None if reason is None else {"reason": reason},
            "output": self.output(answer),
            "usage": usage_of(answer.usage),
        }
        return {**self.begun(), **ended, "model": model or self.model, **more}

    def begun(self, status: Status = Status.IN_PROGRESS) -> dict[str, Any]:
        """Return an answer of which nothing is there."""
        return {
            "id": response_id(self.number),
            "object": "response",
            "created_at": self.created_at,
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": None,
            "model": self.model,
            "output": [],
            "usage": None,
            **{name: self.asked.get(name, default) for name, default in _TOLD_BACK.items()},
        }

    def failed(self, error: Mapping[str, Any], status: Status = Status.FAILED) -> dict[str, Any]:
        """Return an answer that came to nothing."""
        return {**self.begun(status), "error": dict(error)}

    def output(self, answer: Answer) -> list[dict[str, Any]]:
        """Return the items of an answer: its message, unless it only calls functions, and the calls."""
        items = [self.message(answer.text, answer.status)] if answer.text or not answer.calls else []
        return [*items, *(self.call(number, call) for number, call in enumerate(answer.calls))]

    def message(self, text: str, status: Status = Status.COMPLETED) -> dict[str, Any]:
        """Return a message."""
        return {
            "id": self.message_id,
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": [text_part(text)],
        }

    def call(self, number: int, call: Mapping[str, str]) -> dict[str, Any]:
        """Return the call of a function."""
        return {
            "id": f"fc_{self.number}_{number}",
            "type": "function_call",
            "status": Status.COMPLETED,
            "call_id": call["id"],
            "name": call["name"],
            "arguments": call["arguments"],
        }


_TOLD_BACK: Final[Mapping[str, Any]] = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "store": False,
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "truncation": "auto",
    "user": None,
}
"""What every answer tells of its question, and what holds when it was not said."""


def text_part(text: str) -> dict[str, Any]:
    """Return a text as part of a message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def usage_of(usage: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return tokens as the Responses API tells them; OpenAI's clients want both details, known or not."""
    if usage is None:
        return None
    read, written = int(usage["prompt_tokens"]), int(usage["completion_tokens"])
    told: dict[str, Any] = {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": int(usage.get("cached_tokens") or 0)},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": read + written,
    }
    return told | ({"cost_usd": usage["cost_usd"]} if "cost_usd" in usage else {})
