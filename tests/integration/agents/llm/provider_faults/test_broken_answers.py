"""Answers that are cut, giant, endless or nonsense: typed failures, with what they cost."""

import pytest
from pytest_django import Settings

from agents.llm import gateway
from agents.llm.errors import (
    ModelAnswerInvalid,
    ModelAnswerTooLong,
    ModelFailure,
    ModelUnavailable,
)
from agents.llm.wire import Scribe
from tests.integration.agents.llm.provider_faults.asking import STREAMED, _way, ask, provider, seen_if
from tests.provider import Fault, FaultProvider

__all__ = ["_way", "provider"]


def test_a_connection_that_is_reset_in_the_middle_is_a_failure_with_its_cost(provider: FaultProvider) -> None:
    provider.will(Fault(cut_after_chunks=2))
    seen: list[str] = []

    with pytest.raises(ModelUnavailable) as caught:
        ask(provider, seen=seen)

    assert seen, "some text came"
    assert caught.value.used is not None
    assert caught.value.used.is_estimate
    assert caught.value.retryable


def test_a_whole_answer_that_is_cut_is_a_failure(provider: FaultProvider) -> None:
    provider.will(Fault(cut_after_chunks=0))

    with pytest.raises(ModelUnavailable) as caught:
        ask(provider, seen=None)

    if isinstance(gateway._scribe, Scribe):  # litellm does not tell it from a server that takes no connection
        used = caught.value.used
        assert used is not None
        assert (used.is_estimate, used.prompt_tokens > 0) == (True, True)


@STREAMED
def test_an_answer_that_is_no_json_is_a_typed_failure(provider: FaultProvider, is_streamed: bool) -> None:
    body = "data: {this is no json\n\n" if is_streamed else "<html>gateway error</html>"
    provider.will(Fault(body=body))

    with pytest.raises((ModelAnswerInvalid, ModelUnavailable)) as caught:
        ask(provider, seen=seen_if(is_streamed))

    assert caught.value.retryable


@STREAMED
@pytest.mark.parametrize(
    "usage",
    [
        {},
        {"prompt_tokens": -5, "completion_tokens": 7, "total_tokens": 2},
        {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        {"prompt_tokens": 10**12, "completion_tokens": 7, "total_tokens": 10**12},
        {"prompt_tokens": 0, "completion_tokens": 7, "total_tokens": 7},
        {"prompt_tokens": 9, "completion_tokens": 0, "total_tokens": 9},
    ],
    ids=["none", "negative", "zero", "absurd", "nothing read", "nothing written"],
)
def test_usage_that_cannot_be_true_is_estimated_and_marked(
    provider: FaultProvider, usage: dict[str, int], is_streamed: bool
) -> None:
    provider.will(Fault(usage=usage))

    reply = ask(provider, seen=seen_if(is_streamed))

    assert reply.usage_estimated
    assert 0 < reply.prompt_tokens < 1_000
    assert 0 < reply.completion_tokens < 1_000
    assert reply.cost_usd is not None
    assert 0 < reply.cost_usd < 1


@STREAMED
def test_what_a_model_thought_before_it_broke_off_is_charged(provider: FaultProvider, is_streamed: bool) -> None:
    provider.will(Fault(reasoning="hm " * 300, usage={}, cut_after_chunks=2 if is_streamed else None))

    if is_streamed:
        with pytest.raises(ModelUnavailable) as caught:
            ask(provider, seen=[])
        used = caught.value.used
        assert used is not None
        assert used.is_estimate
        assert used.completion_tokens > 100
    else:
        assert ask(provider, seen=None).completion_tokens > 300


def test_thoughts_without_an_end_are_cut_off(provider: FaultProvider, settings: Settings) -> None:
    settings.SHANNON_MODEL_ANSWER_MAX_CHARACTERS = 10_000
    provider.will(Fault(reasoning="hm " * 100_000, chunks=1_000))

    with pytest.raises(ModelAnswerTooLong):
        ask(provider, seen=[])


@STREAMED
def test_an_answer_without_choices_is_a_typed_failure(provider: FaultProvider, is_streamed: bool) -> None:
    provider.will(Fault(empty_choices=True))

    with pytest.raises(ModelFailure) as caught:
        ask(provider, seen=seen_if(is_streamed))

    assert caught.value.retryable


@STREAMED
def test_a_giant_answer_is_cut_off_and_charged(provider: FaultProvider, is_streamed: bool, settings: Settings) -> None:
    settings.SHANNON_MODEL_ANSWER_MAX_CHARACTERS = 10_000
    provider.will(Fault(giant_characters=1_000_000, chunks=1_000))
    seen = seen_if(is_streamed)

    with pytest.raises(ModelAnswerTooLong, match="10,000") as caught:
        ask(provider, seen=seen)

    assert seen is None or len("".join(seen)) <= 11_000, "the stream is left where it grew too long"
    assert caught.value.used is not None
    assert caught.value.used.completion_tokens > 0


def test_what_a_server_says_of_an_error_in_the_middle_of_a_stream_is_a_failure(provider: FaultProvider) -> None:
    provider.will(Fault(body='data: {"error": {"message": "out of memory", "code": 503}}\n\n'))

    with pytest.raises(ModelUnavailable):
        ask(provider, seen=[])
