"""The gateway through the real litellm: with the offline provider, and with a provider on loopback that fails."""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
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
from agents.llm.gateway import LitellmGateway
from agents.llm.types import ModelReply, ModelRequest
from agents.planning.drafts import PlanRequest, plan_messages
from agents.planning.schema import plan_response_format
from shannon_project.config.catalogue import CatalogueModel, catalogue
from shannon_project.foundation.errors import ShannonError
from tests.integration.agents.llm.providers import (
    Provider,
    model_there,
    provider_on_loopback,
    seconds_of,
    streamed,
    whole,
)
from tests.unit.agents.llm.offline.agents import definition

GATEWAY = LitellmGateway()
HELLO = ModelRequest(messages=[{"role": "user", "content": "hello"}])


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A provider that litellm takes for OpenAI."""
    with provider_on_loopback() as running:
        monkeypatch.setenv("OPENAI_API_BASE", f"http://127.0.0.1:{running.port}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-nobody")
        yield running


def offline(request: ModelRequest, seen: list[str] | None = None) -> ModelReply:
    model = catalogue().models["offline/medium"]
    on_delta = None if seen is None else seen.append
    return GATEWAY.complete(request, model=model, timeout_seconds=30.0, on_delta=on_delta)


def there(*, timeout_seconds: float = 10.0, seen: list[str] | None = None) -> ModelReply:
    on_delta = None if seen is None else seen.append
    return GATEWAY.complete(HELLO, model=model_there(), timeout_seconds=timeout_seconds, on_delta=on_delta)


def test_offline_model_answers_and_is_paid() -> None:
    reply = offline(HELLO)

    assert reply.text.startswith("[offline model]")
    assert (reply.model, reply.provider, reply.finish_reason) == ("offline/medium", "offline", "stop")
    assert not reply.usage_estimated
    price = (Decimal("0.5") * reply.prompt_tokens + Decimal(2) * reply.completion_tokens) / 1_000_000
    assert reply.cost_usd == price > 0


def test_stream_gives_the_same_text_tokens_and_price() -> None:
    seen: list[str] = []

    streamed_reply = offline(HELLO, seen)

    assert streamed_reply == offline(HELLO)
    assert "".join(seen) == streamed_reply.text
    assert len(seen) > 5


@pytest.mark.parametrize("is_streamed", [False, True])
def test_tool_calls_come_in_the_openai_format(is_streamed: bool) -> None:
    request = ModelRequest(
        messages=[{"role": "user", "content": "What is 2+3 and 4*5?"}], tools=[definition("calculator")]
    )

    reply = offline(request, [] if is_streamed else None)

    assert reply.finish_reason == "tool_calls"
    assert [call.name for call in reply.tool_calls] == ["calculator", "calculator"]
    assert [json.loads(call.arguments_json) for call in reply.tool_calls] == [
        {"expression": "2+3"},
        {"expression": "4*5"},
    ]
    assert len({call.id for call in reply.tool_calls}) == 2
    assert reply.completion_tokens > 0


def test_conversation_with_tool_results_goes_on() -> None:
    messages = [{"role": "user", "content": "What is 2+3?"}]
    first = offline(ModelRequest(messages=messages, tools=[definition("calculator")]))
    result = {
        "role": "tool",
        "tool_call_id": first.tool_calls[0].id,
        "content": '{"ok": true, "output": {"text": "5"}}',
    }

    second = offline(
        ModelRequest(messages=[*messages, first.as_assistant_message(), result], tools=[definition("calculator")])
    )

    assert "**5**" in second.text


def test_json_schema_gives_a_plan() -> None:
    messages = plan_messages(PlanRequest(query="Compare Rome and Paris", tools=[("python", "Runs code")]))

    reply = offline(ModelRequest(messages=messages, response_format=plan_response_format(), purpose="plan"))

    assert [task["title"][:5] for task in json.loads(reply.text)["subtasks"]] == ["Rome:", "Paris"]


def test_output_limit_is_kept() -> None:
    reply = offline(ModelRequest(messages=HELLO.messages, max_output_tokens=4))

    assert reply.finish_reason == "length"
    assert reply.completion_tokens <= 4


def test_warm_loads_litellm_and_can_be_called_again() -> None:
    GATEWAY.warm()
    GATEWAY.warm()
    assert "litellm" in sys.modules


def test_real_provider_is_asked_in_its_format(provider: Provider) -> None:
    provider.body = whole("Hi.")

    reply = there()

    assert (reply.text, reply.prompt_tokens, reply.completion_tokens) == ("Hi.", 11, 7)
    assert reply.cost_usd is None, "a price that nobody knows is not zero"
    assert provider.asked[0]["messages"] == HELLO.messages
    assert provider.asked[0]["max_tokens"] == HELLO.max_output_tokens


def test_provider_is_told_the_idempotency_key_of_a_call(provider: Provider) -> None:
    provider.body = whole("Hi.")
    for request in (replace(HELLO, idempotency_key="step:3"), HELLO):
        GATEWAY.complete(request, model=model_there(), timeout_seconds=10.0)
    assert provider.asked_keys == ["step:3", None]


def test_price_of_a_model_outside_the_catalogue_is_litellms() -> None:
    price = GATEWAY.price_of(CatalogueModel.outside("openai/gpt-4o-mini"))

    assert price is not None
    assert price.input_usd_per_million_tokens > 0


def test_real_stream_is_followed_and_counted(provider: Provider) -> None:
    provider.body = streamed("Hel", "lo")
    seen: list[str] = []

    reply = there(seen=seen)

    assert seen == ["Hel", "lo"]
    assert (reply.text, reply.prompt_tokens, reply.completion_tokens) == ("Hello", 11, 7)
    assert provider.asked[0]["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("is_streamed", [False, True])
def test_usage_that_is_not_reported_is_not_zero(provider: Provider, is_streamed: bool) -> None:
    provider.body = streamed("Hello there", usage=False) if is_streamed else whole("Hello there", usage=False)

    reply = there(seen=[] if is_streamed else None)

    assert reply.prompt_tokens > 0
    assert reply.completion_tokens > 0


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
        there(timeout_seconds=0.5, seen=[] if is_streamed else None)

    assert seconds_of(started) < 15.0
    assert caught.value.used is None
    if is_streamed:
        assert provider.left.wait(5.0), "the connection is closed, not only left alone"


def test_provider_that_drips_after_some_text_is_paid_for_it(provider: Provider) -> None:
    provider.drips = b": still here\n\n"
    provider.body = streamed("Hello", done=False, usage=False)

    with pytest.raises(ModelTimeout) as caught:
        there(timeout_seconds=0.5, seen=[])

    assert caught.value.used is not None


def test_reader_that_stops_ends_the_stream(provider: Provider) -> None:
    provider.drips = streamed("more", done=False, usage=False)
    provider.body = b""

    def stop(_: str) -> None:
        raise TaskCancelled

    with pytest.raises(TaskCancelled):
        GATEWAY.complete(HELLO, model=model_there(), timeout_seconds=10.0, on_delta=stop)

    assert provider.left.wait(5.0)
