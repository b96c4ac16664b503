"""What a client is sent of one request's answers: a body, or the frames of a stream, in the form that it asked for."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.direct.answers import DONE, Shape, data_frame, usage_of
from agents.llm.types import ModelReply
from shannon_project.foundation.errors import ShannonError
from shannon_project.foundation.openai import openai_error
from shannon_project.foundation.responses import Answer, ResponseEvents, ResponseShape


class Frames(ABC):
    """Writes the answers of one request. `told` is what the budgets did to it: empty, or `shannon_events`."""

    @abstractmethod
    def whole(self, replies: Sequence[ModelReply], told: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body of an answer that is not streamed."""

    @abstractmethod
    def begin(self, index: int) -> bytes:
        """Return what comes before anything of a choice."""

    @abstractmethod
    def text(self, index: int, text: str) -> bytes:
        """Return a piece of a choice's text."""

    @abstractmethod
    def end(self, index: int, reply: ModelReply, told: Mapping[str, Any]) -> bytes:
        """Return the end of a choice."""

    @abstractmethod
    def close(self, replies: Sequence[ModelReply]) -> bytes:
        """Return the end of the stream."""

    @abstractmethod
    def broken(self, error: ShannonError) -> bytes:
        """Return the end of a stream that breaks off."""


@dataclass(frozen=True, slots=True)
class PieceFrames(Frames):
    """Chats and plain completions; `includes_usage`: a last piece tells what was used."""

    shape: Shape
    includes_usage: bool

    def whole(self, replies: Sequence[ModelReply], told: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer."""
        return {**self.shape.whole(replies), **told}

    def begin(self, index: int) -> bytes:
        """Return a first piece without text."""
        return data_frame(self.shape.text_piece(index, "", is_first=True))

    def text(self, index: int, text: str) -> bytes:
        """Return a piece."""
        return data_frame(self.shape.text_piece(index, text, is_first=False))

    def end(self, index: int, reply: ModelReply, told: Mapping[str, Any]) -> bytes:
        """Return a choice's last piece."""
        return data_frame({**self.shape.last_piece(index, reply), **told})

    def close(self, replies: Sequence[ModelReply]) -> bytes:
        """Return the usage, if it was asked for, and the mark of the end."""
        return (data_frame(self.shape.usage_piece(replies)) if self.includes_usage else b"") + DONE

    def broken(self, error: ShannonError) -> bytes:
        """Return the error, which clients raise."""
        return data_frame(openai_error(error.as_json(), error.http_status))


class ResponseFrames(Frames):
    """`/v1/responses`, which has one choice."""

    def __init__(self, shape: ResponseShape) -> None:
        """Write one answer."""
        self._shape = shape
        self._events = ResponseEvents(shape)

    def whole(self, replies: Sequence[ModelReply], told: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer."""
        return self._shape.whole(_answer(replies[0]), replies[0].model, **told)

    def begin(self, index: int) -> bytes:  # noqa: ARG002 - there is one
        """Return the events of the beginning."""
        return self._events.begin()

    def text(self, index: int, text: str) -> bytes:  # noqa: ARG002 - there is one
        """Return a piece as an event."""
        return self._events.text(text)

    def end(self, index: int, reply: ModelReply, told: Mapping[str, Any]) -> bytes:  # noqa: ARG002 - there is one
        """Return the rest of the events."""
        return self._events.end(_answer(reply), reply.model, **told)

    def close(self, replies: Sequence[ModelReply]) -> bytes:  # noqa: ARG002 - the last event says it
        """Return nothing more."""
        return b""

    def broken(self, error: ShannonError) -> bytes:
        """Return the last event of an answer that broke off."""
        return self._events.failed(openai_error(error.as_json(), error.http_status)["error"])


def _answer(reply: ModelReply) -> Answer:
    calls = [{"id": call.id, "name": call.name, "arguments": call.arguments_json} for call in reply.tool_calls]
    usage = {**usage_of([reply]), "cached_tokens": reply.cache_read_tokens}
    return Answer(reply.text, calls, reply.finish_reason, usage)
