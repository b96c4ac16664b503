"""Answers of one model in OpenAI's shapes."""

import base64
import json
import struct
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from agents.llm.types import ModelReply

DONE: Final = b"data: [DONE]\n\n"


def data_frame(body: Mapping[str, Any]) -> bytes:
    """Return a message of a stream. ASCII JSON: some clients split lines at U+2028 too."""
    return f"data: {json.dumps(body)}\n\n".encode()


def usage_of(replies: Sequence[ModelReply]) -> dict[str, Any]:
    """Return what the choices of an answer used together; each of them is a call of its own."""
    prompt, completion = sum(reply.prompt_tokens for reply in replies), sum(r.completion_tokens for r in replies)
    costs = [reply.cost_usd for reply in replies]
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "cost_usd": None if None in costs else str(sum(cost for cost in costs if cost is not None)),
    }


@dataclass(frozen=True, slots=True)
class Shape(ABC):
    """Makes the bodies of one answer; all of them carry its id, model and time."""

    answer_id: str
    model: str
    created: int = field(default_factory=lambda: int(time.time()))
    whole_object: ClassVar[str]
    piece_object: ClassVar[str]

    @abstractmethod
    def whole_choice(self, reply: ModelReply) -> dict[str, Any]:
        """Return a choice without its index and end."""

    @abstractmethod
    def text_choice(self, text: str, *, is_first: bool) -> dict[str, Any]:
        """Return a piece of text."""

    @abstractmethod
    def calls_choice(self, reply: ModelReply) -> dict[str, Any]:
        """Return the piece that carries a reply's tool calls, or one without anything."""

    def whole(self, replies: Sequence[ModelReply]) -> dict[str, Any]:
        """Return the whole answer, a choice for each reply."""
        choices = [
            {"index": index, **self.whole_choice(reply), "logprobs": None, "finish_reason": finish_reason_of(reply)}
            for index, reply in enumerate(replies)
        ]
        model = {**self._head(self.whole_object), "model": replies[0].model or self.model}
        return {**model, "choices": choices, "usage": usage_of(replies)}

    def text_piece(self, index: int, text: str, *, is_first: bool) -> dict[str, Any]:
        """Return a piece of a choice's text."""
        choice = {"index": index, **self.text_choice(text, is_first=is_first), "finish_reason": None}
        return {**self._head(self.piece_object), "choices": [choice]}

    def last_piece(self, index: int, reply: ModelReply) -> dict[str, Any]:
        """Return a choice's last piece: its tool calls and why it ended."""
        choice = {"index": index, **self.calls_choice(reply), "finish_reason": finish_reason_of(reply)}
        return {**self._head(self.piece_object), "choices": [choice]}

    def usage_piece(self, replies: Sequence[ModelReply]) -> dict[str, Any]:
        """Return the stream's last piece."""
        return {**self._head(self.piece_object), "choices": [], "usage": usage_of(replies)}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.answer_id, "object": kind, "created": self.created, "model": self.model}


class ChatShape(Shape):
    """`/v1/chat/completions`."""

    whole_object = "chat.completion"
    piece_object = "chat.completion.chunk"

    def whole_choice(self, reply: ModelReply) -> dict[str, Any]:
        """Return a message."""
        message: dict[str, Any] = {"role": "assistant", "content": reply.text or None, "refusal": None}
        if reply.tool_calls:
            message["tool_calls"] = [call.as_message_part() for call in reply.tool_calls]
        return {"message": message}

    def text_choice(self, text: str, *, is_first: bool) -> dict[str, Any]:
        """Return a delta."""
        return {"delta": {**({"role": "assistant"} if is_first else {}), "content": text}}

    def calls_choice(self, reply: ModelReply) -> dict[str, Any]:
        """Return a delta with whole tool calls: a piece of one is of no use to anybody."""
        calls = [{"index": place, **call.as_message_part()} for place, call in enumerate(reply.tool_calls)]
        return {"delta": {"tool_calls": calls} if calls else {}}


class CompletionShape(Shape):
    """`/v1/completions`."""

    whole_object = "text_completion"
    piece_object = "text_completion"

    def whole_choice(self, reply: ModelReply) -> dict[str, Any]:
        """Return a text."""
        return {"text": reply.text}

    def text_choice(self, text: str, *, is_first: bool) -> dict[str, Any]:  # noqa: ARG002 - pieces are all alike
        """Return a piece of text."""
        return {"text": text}

    def calls_choice(self, reply: ModelReply) -> dict[str, Any]:  # noqa: ARG002 - prompts have no tools
        """Return a piece without text."""
        return {"text": ""}


def finish_reason_of(reply: ModelReply) -> str:
    """Return why a reply ended, in OpenAI's words."""
    return "tool_calls" if reply.tool_calls else reply.finish_reason


def embeddings_answer(
    model: str, vectors: Sequence[Sequence[float]], *, as_base64: bool, tokens: int
) -> dict[str, Any]:
    """Return vectors in OpenAI's shape; as base64 they are little-endian 32-bit floats, which its client asks for."""
    data = [
        {"object": "embedding", "index": index, "embedding": _packed(vector) if as_base64 else list(vector)}
        for index, vector in enumerate(vectors)
    ]
    return {
        "object": "list",
        "data": data,
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _packed(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
