"""Answers in OpenAI's shapes: chats and plain completions, whole and in pieces."""

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from orchestration.models import Event, Task
from shannon_project.foundation.responses import Answer, ResponseEvents

DONE: Final = b"data: [DONE]\n\n"


def data_frame(body: Mapping[str, Any]) -> bytes:
    """Return a message of the stream. ASCII JSON: the official client splits lines at U+2028 too."""
    return f"data: {json.dumps(body)}\n\n".encode()


def usage_of(task: Task) -> dict[str, int]:
    """Return what a task used."""
    return {
        "prompt_tokens": task.prompt_tokens,
        "completion_tokens": task.completion_tokens,
        "total_tokens": task.prompt_tokens + task.completion_tokens,
    }


def shannon_event(event: Event) -> dict[str, Any]:
    """Return an event as the official client reads it in a piece of a stream."""
    return {
        "type": event.kind,
        "agent_id": event.agent_id,
        "message": event.message,
        "timestamp": int(event.created_at.timestamp()),
        "payload": event.payload,
    }


@dataclass(frozen=True, slots=True)
class AnswerShape(ABC):
    """Makes the bodies of one answer; all of them carry its id, model and time."""

    answer_id: str
    model: str
    created: int = field(default_factory=lambda: int(time.time()))
    whole_object: ClassVar[str]
    piece_object: ClassVar[str]

    @abstractmethod
    def whole_choice(self, text: str) -> dict[str, Any]:
        """Return the choice of an answer that comes whole."""

    @abstractmethod
    def piece_choice(self, text: str, *, is_first: bool) -> dict[str, Any]:
        """Return the choice of a piece; the text may be empty."""

    def whole(self, text: str, *, finish_reason: str, usage: Mapping[str, int]) -> dict[str, Any]:
        """Return the whole answer."""
        choice = {"index": 0, **self.whole_choice(text), "finish_reason": finish_reason, "logprobs": None}
        return {**self._head(self.whole_object), "choices": [choice], "usage": dict(usage)}

    def piece(
        self, text: str = "", *, is_first: bool = False, finish_reason: str | None = None, **more: Any
    ) -> dict[str, Any]:
        """Return a piece of the answer."""
        choice = {"index": 0, **self.piece_choice(text, is_first=is_first), "finish_reason": finish_reason}
        return {**self._head(self.piece_object), "choices": [choice], **more}

    def usage_piece(self, usage: Mapping[str, int]) -> dict[str, Any]:
        """Return the last piece, which tells what was used."""
        return {**self._head(self.piece_object), "choices": [], "usage": dict(usage)}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.answer_id, "object": kind, "created": self.created, "model": self.model}


class ChatShape(AnswerShape):
    """`/v1/chat/completions`."""

    whole_object = "chat.completion"
    piece_object = "chat.completion.chunk"

    def whole_choice(self, text: str) -> dict[str, Any]:
        """Return a message."""
        return {"message": {"role": "assistant", "content": text, "refusal": None}}

    def piece_choice(self, text: str, *, is_first: bool) -> dict[str, Any]:
        """Return a delta."""
        role = {"role": "assistant", "content": ""} if is_first else {}
        return {"delta": {**role, **({"content": text} if text else {})}}


class CompletionShape(AnswerShape):
    """`/v1/completions`."""

    whole_object = "text_completion"
    piece_object = "text_completion"

    def whole_choice(self, text: str) -> dict[str, Any]:
        """Return a text."""
        return {"text": text}

    def piece_choice(self, text: str, *, is_first: bool) -> dict[str, Any]:  # noqa: ARG002 - pieces are all alike
        """Return a piece of text."""
        return {"text": text}


class AnswerWriter(ABC):
    """Writes the frames of one streamed answer."""

    @abstractmethod
    def begin(self) -> bytes:
        """Return what comes first."""

    @abstractmethod
    def text(self, piece: str) -> bytes:
        """Return a piece of text."""

    @abstractmethod
    def event(self, event: Event) -> bytes:
        """Return an event of the task."""

    @abstractmethod
    def failed(self, error: Mapping[str, Any]) -> bytes:
        """Return the end of an answer that came to nothing; the error is in OpenAI's shape."""

    @abstractmethod
    def end(self, sent: str, task: Task) -> bytes:
        """Return the end of an answer; `sent` is all of its text."""


@dataclass(frozen=True, slots=True)
class PieceWriter(AnswerWriter):
    """Writes chats and plain completions; `includes_usage`: a last piece tells what was used."""

    shape: AnswerShape
    includes_usage: bool

    def begin(self) -> bytes:
        """Return a first piece without text."""
        return data_frame(self.shape.piece(is_first=True))

    def text(self, piece: str) -> bytes:
        """Return a piece."""
        return data_frame(self.shape.piece(piece))

    def event(self, event: Event) -> bytes:
        """Return an event in a piece without text."""
        return data_frame(self.shape.piece(shannon_events=[shannon_event(event)]))

    def failed(self, error: Mapping[str, Any]) -> bytes:
        """Return the error, which clients raise."""
        return data_frame({"error": error})

    def end(self, sent: str, task: Task) -> bytes:  # noqa: ARG002 - the pieces said it
        """Return the last pieces and the mark of the end."""
        usage = data_frame(self.shape.usage_piece(usage_of(task))) if self.includes_usage else b""
        return data_frame(self.shape.piece(finish_reason="stop")) + usage + DONE


@dataclass(frozen=True, slots=True)
class ResponseWriter(AnswerWriter):
    """Writes the events of `/v1/responses`; those of the task are among them as `shannon.event`."""

    events: ResponseEvents

    def begin(self) -> bytes:
        """Return the events of the beginning."""
        return self.events.begin()

    def text(self, piece: str) -> bytes:
        """Return a piece."""
        return self.events.text(piece)

    def event(self, event: Event) -> bytes:
        """Return an event of the task."""
        return self.events.told(shannon_event(event))

    def failed(self, error: Mapping[str, Any]) -> bytes:
        """Return the last event."""
        return self.events.failed(error)

    def end(self, sent: str, task: Task) -> bytes:
        """Return the last events."""
        return self.events.end(Answer(sent, usage=usage_of(task)))
