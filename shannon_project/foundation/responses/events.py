"""An answer as the events of a stream of the Responses API, numbered from 0."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shannon_project.foundation.responses.shapes import Answer, ResponseShape, Status, text_part


@dataclass(slots=True)
class ResponseEvents:
    """Writes the frames of one answer: `begin`, then texts, then one of the ends. Each method returns its frames."""

    shape: ResponseShape
    _number: int = 0
    _texts: list[str] = field(default_factory=list)

    def begin(self) -> bytes:
        """Return what comes before anything of the answer."""
        begun = self.shape.begun()
        return self._event("response.created", response=begun) + self._event("response.in_progress", response=begun)

    def text(self, piece: str) -> bytes:
        """Return a piece of the answer's text."""
        if not piece:
            return b""
        frames = b"" if self._texts else self._message_begin()
        self._texts.append(piece)
        return frames + self._event("response.output_text.delta", **self._place(), delta=piece, logprobs=[])

    def told(self, event: Mapping[str, Any]) -> bytes:
        """Return an event of the platform, which OpenAI's clients pass by."""
        return self._event("shannon.event", event=dict(event))

    def end(self, answer: Answer, model: str = "", **more: Any) -> bytes:
        """Return the rest: the message's end, calls of functions, and the whole answer."""
        frames = b"" if self._texts else self.text(answer.text)
        if self._texts or not answer.calls:
            frames += self._message_end(answer)
        first = 1 if frames else 0
        for number, call in enumerate(answer.calls):
            frames += self._call(first + number, self.shape.call(number, call))
        kind = "response.completed" if answer.status is Status.COMPLETED else "response.incomplete"
        return frames + self._event(kind, response=self.shape.whole(answer, model, **more))

    def failed(self, error: Mapping[str, Any]) -> bytes:
        """Return the end of an answer that came to nothing, or broke off."""
        return self._event("response.failed", response=self.shape.failed(error))

    def _message_begin(self) -> bytes:
        item = {**self.shape.message("", Status.IN_PROGRESS), "content": []}
        begun = self._event("response.output_item.added", output_index=0, item=item)
        return begun + self._event("response.content_part.added", **self._place(), part=text_part(""))

    def _message_end(self, answer: Answer) -> bytes:
        frames = b"" if self._texts else self._message_begin()
        place, item = self._place(), self.shape.message(answer.text, answer.status)
        frames += self._event("response.output_text.done", **place, text=answer.text, logprobs=[])
        frames += self._event("response.content_part.done", **place, part=text_part(answer.text))
        return frames + self._event("response.output_item.done", output_index=0, item=item)

    def _call(self, place: int, item: dict[str, Any]) -> bytes:
        at = {"item_id": item["id"], "output_index": place}
        begun = {**item, "status": Status.IN_PROGRESS, "arguments": ""}
        arguments = item["arguments"]
        return (
            self._event("response.output_item.added", output_index=place, item=begun)
            + self._event("response.function_call_arguments.delta", **at, delta=arguments)
            + self._event("response.function_call_arguments.done", **at, name=item["name"], arguments=arguments)
            + self._event("response.output_item.done", output_index=place, item=item)
        )

    def _place(self) -> dict[str, Any]:
        return {"item_id": self.shape.message_id, "output_index": 0, "content_index": 0}

    def _event(self, kind: str, **values: Any) -> bytes:
        """Return one frame. ASCII JSON: some clients split lines at U+2028 too."""
        body = {"type": kind, "sequence_number": self._number, **values}
        self._number += 1
        return f"event: {kind}\ndata: {json.dumps(body)}\n\n".encode()
