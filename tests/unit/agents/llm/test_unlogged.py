"""What a streamed call of litellm's does not do for us: its books, and its answer once more."""

from typing import Any

import pytest

from agents.llm import gateway, streaming
from agents.llm.gateway import LitellmGateway
from agents.llm.types import ModelReply, ModelRequest
from shannon_project.config.catalogue import catalogue

QUESTION = ({"role": "user", "content": "Who are you?"},)


class Threads:
    """Counts what is handed to it."""

    def __init__(self) -> None:
        self.given: list[Any] = []

    def submit(self, work: Any, *_: Any, **__: Any) -> None:
        self.given.append(work)


@pytest.fixture
def library() -> Any:
    """litellm, as the gateway loads it."""
    return gateway._litellm()


@pytest.fixture(autouse=True)
def _by_litellm(monkeypatch: pytest.MonkeyPatch) -> None:
    """The offline model is asked as a provider of litellm's, not by the short way."""
    monkeypatch.setattr(gateway, "_by_offline", lambda _: None)


def _asked() -> ModelReply:
    model = next(model for name, model in catalogue().models.items() if name.startswith("offline/"))
    request = ModelRequest(messages=QUESTION, max_output_tokens=1_000)
    return LitellmGateway().complete(request, model=model, timeout_seconds=30.0, on_delta=lambda _: None)


def test_a_streamed_call_hands_nothing_to_litellms_threads(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = Threads()
    monkeypatch.setattr(library.litellm_core_utils.streaming_handler.executor, "_threads", threads)
    assert _asked().text
    assert threads.given == []


def test_a_call_of_somebody_elses_does(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = Threads()
    executor = library.litellm_core_utils.streaming_handler.executor
    monkeypatch.setattr(executor, "_threads", threads)
    executor.submit(threads.submit)
    assert threads.given == [threads.submit]


def test_the_answer_is_put_together_once_and_its_usage_is_known(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    build, built = library.stream_chunk_builder, []

    def counted(*args: Any, **kwargs: Any) -> Any:
        built.append(kwargs)
        return build(*args, **kwargs)

    monkeypatch.setattr(library, "stream_chunk_builder", counted)
    reply = _asked()
    assert len(built) == 1
    assert reply.prompt_tokens > 0
    assert reply.completion_tokens > 0
    assert not reply.usage_estimated
    assert reply.finish_reason == "stop"


def test_who_leaves_a_call_closes_what_it_reads_from() -> None:
    class Chunks:
        completion_stream = object()
        closed = False

        def close(self) -> None:
            self.closed = True

    chunks = Chunks()
    pieces = streaming._Pieces(chunks)
    pieces.close()
    assert chunks.closed
    assert pieces.completion_stream is chunks.completion_stream
