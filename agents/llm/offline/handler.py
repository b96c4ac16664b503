"""The offline provider in the shape of litellm's `CustomLLM` (which is looked up by method, not by class)."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, NoReturn

from agents.llm.offline.provider import OfflineProvider

_is_noting: Final[ContextVar[bool]] = ContextVar("offline_call_noted", default=False)


class Noted(BaseException):
    """Carries what litellm hands to the provider out of litellm; no `Exception`, which it would take for a failure."""

    def __init__(self, messages: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any]) -> None:
        """Take the messages and parameters as litellm has made them."""
        super().__init__()
        self.messages = messages
        self.parameters = parameters


@contextmanager
def calls_noted() -> Iterator[None]:
    """Have this thread's calls, which are to come whole, raise `Noted` in place of an answer."""
    token = _is_noting.set(True)
    try:
        yield
    finally:
        _is_noting.reset(token)


class OfflineHandler:
    """Answers as a provider of litellm's does; `types` is litellm's module of answer types."""

    def __init__(self, types: Any) -> None:
        """Make a handler; the module is handed in, because one file alone imports litellm."""
        self._types = types
        self._provider = OfflineProvider()

    def completion(self, **call: Any) -> Any:
        """Answer whole, in litellm's `ModelResponse`."""
        if _is_noting.get():
            _note(call)
        answer = self._answer(call)
        choice = self._types.Choices(index=0, finish_reason=answer.finish_reason, message=answer.message())
        response = self._types.ModelResponse(id=answer.id, model=call["model"], choices=[choice])
        response.usage = self._types.Usage(**answer.usage())
        return response

    def streaming(self, **call: Any) -> Iterator[Any]:
        """Answer in chunks, in litellm's `ModelResponseStream`."""
        answer = self._answer(call)
        for delta, finish_reason in answer.deltas():
            shape = {"index": 0, "delta": delta, "finish_reason": finish_reason}
            chunk = self._types.ModelResponseStream(id=answer.id, model=call["model"], choices=[shape])
            if finish_reason:  # litellm keeps usage only of chunks with content
                chunk.usage = self._types.Usage(**answer.usage())
            yield chunk

    def _answer(self, call: dict[str, Any]) -> Any:
        return self._provider.answer(messages=call["messages"], parameters=call["optional_params"])


def _note(call: Mapping[str, Any]) -> NoReturn:
    raise Noted(call["messages"], call["optional_params"])
