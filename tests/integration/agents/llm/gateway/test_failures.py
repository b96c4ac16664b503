"""What a provider does wrong is a typed failure, in time, with what it used."""

import json
import time
from dataclasses import replace
from typing import Any

import pytest

from agents.errors import TaskCancelled
from agents.llm.errors import (
    ModelAnswerInvalid,
    ModelRateLimited,
    ModelRefused,
    ModelRequestInvalid,
    ModelTimeout,
    ModelUnavailable,
)
from shannon_project.foundation.errors import ShannonError
from tests.integration.agents.llm.gateway.asking import GATEWAY, HELLO, provider, there
from tests.integration.agents.llm.providers import (
    Provider,
    model_there,
    seconds_of,
    streamed,
    whole,
)

__all__ = ["provider"]


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, ModelRequestInvalid),
        (401, ModelRefused),
        (403, ModelRefused),
        (404, ModelRequestInvalid),
        (429, ModelRateLimited),
        (500, ModelUnavailable),
        (503, ModelUnavailable),
    ],
)
def test_status_of_the_provider_becomes_a_typed_error(
    provider: Provider, status: int, error: type[ShannonError], is_streamed: bool
) -> None:
    provider.status = status
    provider.body = json.dumps({"error": {"message": "because", "type": "t", "code": "c"}}).encode()

    with pytest.raises(error) as caught:
        there(seen=[] if is_streamed else None)

    assert caught.value.details["model"] == "loopback/m"
    assert len(provider.asked) == 1, "the library does not try again behind our back"
    assert "sk-of-nobody" not in json.dumps(caught.value.as_json())


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("content", [5, [5], [{"type": "image_url"}]], ids=["number", "list", "picture without one"])
def test_a_request_that_cannot_be_written_is_the_callers_fault_and_asked_of_nobody(
    provider: Provider, content: Any, is_streamed: bool
) -> None:
    request = replace(HELLO, messages=[{"role": "user", "content": content}])

    with pytest.raises(ModelRequestInvalid) as caught:
        GATEWAY.complete(
            request, model=model_there(), timeout_seconds=10.0, on_delta=(lambda _: None) if is_streamed else None
        )

    assert not caught.value.retryable
    assert provider.asked == []


def test_retry_after_is_handed_on(provider: Provider) -> None:
    provider.status = 429
    provider.headers = {"Retry-After": "7"}
    provider.body = b'{"error": {"message": "slow down"}}'

    with pytest.raises(ModelRateLimited) as caught:
        there()

    assert caught.value.details["retry_after_seconds"] == 7.0


@pytest.mark.parametrize("is_streamed", [False, True])
def test_provider_that_says_nothing_times_out(provider: Provider, is_streamed: bool) -> None:
    provider.stall_seconds = 20.0
    started = time.monotonic()

    with pytest.raises(ModelTimeout) as caught:
        there(timeout_seconds=0.5, seen=[] if is_streamed else None)

    assert caught.value.retryable
    assert seconds_of(started) < 15.0, "not the 20 s of its silence"


def test_provider_that_is_not_there_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_BASE", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-nobody")

    with pytest.raises(ModelUnavailable):
        there()


def test_missing_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    with pytest.raises(ModelRefused):
        there()


@pytest.mark.parametrize("body", [b"this is no JSON", b'{"choices": []}', b'{"hello": 1}'])
def test_answer_that_cannot_be_read_is_a_typed_error(provider: Provider, body: bytes) -> None:
    provider.body = body

    with pytest.raises((ModelAnswerInvalid, ModelUnavailable)):
        there()


def test_stream_that_is_cut_is_a_typed_error(provider: Provider) -> None:
    provider.body = streamed("Hel", done=False, usage=False)
    provider.cuts_off = True
    seen: list[str] = []

    with pytest.raises(ModelUnavailable) as caught:
        there(seen=seen)

    assert seen == ["Hel"]
    assert caught.value.used is not None
    assert caught.value.used.completion_tokens > 0


@pytest.mark.parametrize("is_streamed", [False, True])
def test_key_that_a_provider_repeats_is_neither_told_nor_logged(
    provider: Provider, is_streamed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    provider.status = 401
    message = "Incorrect API key provided: sk-of-nobody. header: Bearer sk-of-nobody, internal host 10.1.2.3"
    provider.body = json.dumps({"error": {"message": message, "code": "invalid_api_key"}}).encode()

    with pytest.raises(ModelRefused) as caught:
        there(seen=[] if is_streamed else None)

    told = json.dumps(caught.value.as_json())
    assert "sk-of" not in told
    assert "10.1.2.3" not in told
    assert "401" in told
    logged = "".join(record.getMessage() for record in caplog.records if record.name == "agents.llm.failures")
    assert "[redacted]" in logged
    assert "sk-of" not in logged


@pytest.mark.parametrize("is_streamed", [False, True])
def test_empty_answer_is_no_success_and_is_paid(provider: Provider, is_streamed: bool) -> None:
    provider.body = streamed() if is_streamed else whole("")

    with pytest.raises(ModelAnswerInvalid) as caught:
        there(seen=[] if is_streamed else None)

    used = caught.value.used
    assert used is not None
    assert (used.prompt_tokens, used.completion_tokens, used.is_estimate) == (11, 7, False)


def test_filtered_answer_is_a_refusal(provider: Provider) -> None:
    provider.body = whole("I").replace(b'"stop"', b'"content_filter"')

    with pytest.raises(ModelRefused):
        there()


def test_stream_that_ends_without_a_reason_is_not_complete(provider: Provider) -> None:
    provider.body = streamed("Hel", "lo", done=False, usage=False)

    with pytest.raises(ModelUnavailable, match="complete") as caught:
        there(seen=[])

    assert caught.value.used is not None


def test_failure_before_any_answer_used_nothing(provider: Provider) -> None:
    provider.status = 503

    with pytest.raises(ModelUnavailable) as caught:
        there(seen=[])

    assert caught.value.used is None


@pytest.mark.parametrize("is_streamed", [False, True])
def test_provider_that_drips_for_ever_is_left_in_time(provider: Provider, is_streamed: bool) -> None:
    provider.drips = b": still here\n\n" if is_streamed else b" "
    provider.body = b""
    started = time.monotonic()

    with pytest.raises(ModelTimeout) as caught:
        there(timeout_seconds=2.0, seen=[] if is_streamed else None)

    assert seconds_of(started) < 15.0
    assert caught.value.used is not None
    assert caught.value.used.is_estimate, "what it may have thought is charged"
    if is_streamed:
        assert provider.left.wait(60.0), "the connection is closed, not only left alone"


def test_provider_that_drips_after_some_text_is_paid_for_it(provider: Provider) -> None:
    provider.drips = b": still here\n\n"
    provider.body = streamed("Hello", done=False, usage=False)

    with pytest.raises(ModelTimeout) as caught:
        there(timeout_seconds=2.0, seen=[])

    assert caught.value.used is not None


def test_reader_that_stops_ends_the_stream(provider: Provider) -> None:
    provider.drips = streamed("more", done=False, usage=False)
    provider.body = b""

    def stop(_: str) -> None:
        raise TaskCancelled

    with pytest.raises(TaskCancelled):
        GATEWAY.complete(HELLO, model=model_there(), timeout_seconds=10.0, on_delta=stop)

    assert provider.left.wait(60.0)
