"""A provider that is slow: left in time, and what it may have used is charged."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest
from pytest_django import Settings

from agents.llm.errors import (
    ModelTimeout,
    ModelUnavailable,
)
from shannon_project.config.catalogue import CatalogueModel
from tests.integration.agents.llm.provider_faults.asking import GATEWAY, HELLO, STREAMED, _way, ask, provider
from tests.provider import Fault, FaultProvider

__all__ = ["_way", "provider"]


def test_a_slow_first_token_is_left_before_the_whole_time_is_over(provider: FaultProvider, settings: Settings) -> None:
    settings.SHANNON_MODEL_FIRST_TOKEN_TIMEOUT_SECONDS = 2.0
    provider.will(Fault(first_token_seconds=200.0))
    started = time.monotonic()

    with pytest.raises(ModelTimeout) as caught:
        ask(provider, seen=[], timeout_seconds=120.0)

    assert caught.value.details["waited_for"] == "the first token"
    assert time.monotonic() - started < 60.0, "not the whole 120 s"
    used = caught.value.used
    assert used is not None, "the provider read the question, and may bill it"
    assert used.is_estimate
    assert (used.prompt_tokens > 0, used.completion_tokens) == (True, 0)
    assert used.cost_usd is not None


def test_what_a_model_may_have_thought_before_its_first_word_is_charged(
    provider: FaultProvider, settings: Settings
) -> None:
    settings.SHANNON_MODEL_FIRST_TOKEN_TIMEOUT_SECONDS = 2.0
    provider.will(Fault(first_token_seconds=200.0))

    with pytest.raises(ModelTimeout) as caught:
        ask(provider, seen=[], request=replace(HELLO, options={"reasoning_effort": "high"}))

    used = caught.value.used
    assert used is not None
    assert used.is_estimate
    assert 0 < used.completion_tokens <= HELLO.max_output_tokens


@contextmanager
def deaf_server() -> Iterator[str]:
    """An address at which connections are neither taken nor refused: its queue is full."""
    with socket.socket() as listening, ExitStack() as waiting:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"


@STREAMED
def test_a_server_that_takes_no_connection_is_left_before_the_whole_time_is_over(
    settings: Settings, is_streamed: bool
) -> None:
    settings.SHANNON_MODEL_CONNECT_TIMEOUT_SECONDS = 0.5
    with deaf_server() as base_url, pytest.raises(ModelUnavailable) as caught:
        GATEWAY.complete(
            HELLO,
            model=CatalogueModel.compatible("m", base_url),
            timeout_seconds=45.0,
            on_delta=(lambda _: None) if is_streamed else None,
        )

    assert caught.value.details.get("waited_for") in {None, "the connection"}
    assert caught.value.retryable
    assert caught.value.used is None, "nobody was asked anything"


def test_a_first_token_that_is_slow_and_in_time_is_waited_for(provider: FaultProvider) -> None:
    provider.will(Fault(first_token_seconds=0.3))

    assert ask(provider, seen=[]).text == "You said: hello there"


def test_a_stall_in_the_middle_is_left_and_what_came_is_charged(provider: FaultProvider, settings: Settings) -> None:
    settings.SHANNON_MODEL_BETWEEN_TOKENS_TIMEOUT_SECONDS = 3.0
    provider.will(Fault(stall_after_chunks=2))
    seen: list[str] = []

    with pytest.raises(ModelTimeout) as caught:
        ask(provider, seen=seen, timeout_seconds=120.0)

    assert caught.value.details["waited_for"] == "the next token"
    assert "You said: hello there".startswith("".join(seen))
    assert len(seen) == 2
    used = caught.value.used
    assert used is not None
    assert used.is_estimate
    assert used.completion_tokens > 0
    assert used.cost_usd is not None


def test_a_whole_answer_that_stalls_times_out(provider: FaultProvider) -> None:
    provider.will(Fault(stall_after_chunks=0))

    with pytest.raises(ModelTimeout) as caught:
        ask(provider, seen=None, timeout_seconds=2.0)

    used = caught.value.used
    assert used is not None, "what it wrote meanwhile may be billed, and nobody sees how much that is"
    assert used.is_estimate
    assert used.prompt_tokens > 0
    assert 0 < used.completion_tokens <= HELLO.max_output_tokens
    assert used.cost_usd is not None
