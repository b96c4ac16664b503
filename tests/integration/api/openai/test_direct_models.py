"""Tiers and names of the catalogue by the official client of OpenAI: one model is asked, authorised and paid."""

import json
import socket
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai
import pytest
from pytest_django import Settings

from agents.models import ModelCall
from orchestration.models import Task
from policy.models import AuditEntry, Budget, LedgerEntry, Reservation
from policy.services import budget_limit, ledger_check, policies_forget, policy_save
from policy.types import ReservationStatus
from tests.integration.agents.llm.providers import Provider, streamed, whole
from tests.integration.api.callers import Caller

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("gateway_url")]

ASK: list[Any] = [{"role": "user", "content": "What is 17 * 23?"}]
WEATHER: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
CALLS = [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}]


def test_a_tier_answers_and_the_tenants_budget_pays(client: openai.OpenAI, caller: Caller) -> None:
    answer = client.chat.completions.create(model="small", messages=ASK)
    assert answer.model == "offline/small"
    assert answer.choices[0].message.content
    assert answer.usage is not None
    budget = Budget.objects.get(scope="tenant", scope_id=caller.tenant.id)
    assert budget.spent_tokens == answer.usage.total_tokens > 0
    assert budget.reserved_tokens == budget.reserved_usd == 0
    assert budget.spent_usd == Decimal(answer.usage.cost_usd)  # type: ignore[attr-defined]
    assert not Task.objects.exists()


def test_a_streamed_answer_is_accounted_too(client: openai.OpenAI, caller: Caller) -> None:
    pieces = list(
        client.chat.completions.create(
            model="offline/medium", messages=ASK, stream=True, stream_options={"include_usage": True}
        )
    )
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    assert pieces[0].choices[0].delta.role == "assistant"
    assert pieces[-1].usage is not None
    assert Budget.objects.get(scope="tenant", scope_id=caller.tenant.id).spent_tokens == pieces[-1].usage.total_tokens


def test_what_a_request_says_reaches_the_provider(client: openai.OpenAI, provider: Provider) -> None:
    provider.body = whole("{}")  # what does not fit the schema is asked for again
    client.chat.completions.create(
        model="openai/loopback-m",
        messages=ASK,
        stop=["END"],
        seed=7,
        top_p=0.5,
        max_completion_tokens=50,
        tools=[WEATHER],
        tool_choice="required",
        response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}},
    )
    asked = provider.asked[0]
    assert (asked["stop"], asked["seed"], asked["top_p"], asked["tool_choice"]) == (["END"], 7, 0.5, "required")
    assert asked["tools"][0]["function"]["name"] == "weather"
    assert asked["response_format"]["json_schema"]["name"] == "a"
    assert asked.get("max_tokens") or asked.get("max_completion_tokens") == 50
    assert not asked.get("stream")


def test_tool_calls_come_back_whole_and_streamed(client: openai.OpenAI, provider: Provider) -> None:
    provider.body = whole(None, tool_calls=CALLS)
    answer = client.chat.completions.create(model="openai/loopback-m", messages=ASK, tools=[WEATHER])
    assert answer.choices[0].finish_reason == "tool_calls"
    call: Any = (answer.choices[0].message.tool_calls or [])[0]
    assert (call.id, call.function.name, json.loads(call.function.arguments)) == ("c1", "weather", {"city": "Oslo"})
    frame = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    parts: list[dict[str, Any]] = [
        {**frame, "choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, **CALLS[0]}]}}]},
        {**frame, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
    ]
    provider.body = "".join(f"data: {json.dumps(part)}\n\n" for part in parts).encode() + b"data: [DONE]\n\n"
    with client.chat.completions.stream(model="openai/loopback-m", messages=ASK, tools=[WEATHER]) as stream:
        final = stream.get_final_completion()
    call = (final.choices[0].message.tool_calls or [])[0]
    assert (call.function.name, final.choices[0].finish_reason) == ("weather", "tool_calls")


def test_several_choices_are_several_calls(client: openai.OpenAI, provider: Provider) -> None:
    provider.body = whole("Hi")
    answer = client.chat.completions.create(model="openai/loopback-m", messages=ASK, n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len(provider.asked) == 3
    assert answer.usage is not None
    assert answer.usage.total_tokens == 3 * 18
    provider.body = streamed("Hi ", "there")
    pieces = list(client.chat.completions.create(model="openai/loopback-m", messages=ASK, n=2, stream=True))
    texts = {0: "", 1: ""}
    for piece in pieces:
        texts[piece.choices[0].index] += piece.choices[0].delta.content or ""
    assert texts == {0: "Hi there", 1: "Hi there"}


@pytest.mark.parametrize(
    ("more", "says", "param"),
    [
        ({"logprobs": True}, "probabilities of tokens are not told", "logprobs"),
        ({"top_logprobs": 2}, "probabilities of tokens are not told", "top_logprobs"),
        ({"functions": [{}]}, "use tools", "functions"),
        ({"colour": 1}, "Unknown field: colour", "colour"),
        ({"temperature": 3}, "temperature: ", "temperature"),
        ({"n": 99}, "n: ", "n"),
        ({"max_tokens": 10**30}, "max_tokens: ", "max_tokens"),
        ({"max_completion_tokens": 10**19}, "max_completion_tokens: ", "max_completion_tokens"),
        ({"tools": [{"type": "mcp", "server_url": "https://x.example/"}]}, "only tools of the type function", "tools"),
        ({"tools": [{"type": "function"}]}, "each tool is a function with a name", "tools"),
        ({"tools": [{"type": "function", "function": {"name": 5}}]}, "each tool is a function with a name", "tools"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": 5}}]},
            "must be a JSON schema",
            "tools",
        ),
        ({"tool_choice": {"a": 1}}, "or a function by its name", "tool_choice"),
        ({"response_format": {"type": "poem"}}, "type must be one of text, json_object", "response_format"),
        ({"response_format": {"type": ["text"]}}, "type must be one of text, json_object", "response_format"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/"}}]}]},
            "addresses are not fetched here",
            "messages",
        ),
        ({"shannon_options": {}}, "Unknown field: shannon_options", "shannon_options"),
    ],
)
def test_what_is_not_available_is_refused_by_name(
    client: openai.OpenAI, more: dict[str, Any], says: str, param: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=says) as refused:
        client.chat.completions.create(model="small", messages=ASK, extra_body=more)
    assert (refused.value.type, refused.value.param) == ("invalid_request_error", param)
    assert refused.value.body["request_id"]  # type: ignore[index]
    assert not Reservation.objects.exists()


def test_a_model_that_is_not_there_is_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIStatusError, match="there is no model 'gpt-99'") as refused:
        client.chat.completions.create(model="gpt-99", messages=ASK)
    assert refused.value.code == "MODEL_UNKNOWN"


def test_a_used_up_budget_refuses_and_the_refusal_names_it(client: openai.OpenAI, caller: Caller) -> None:
    budget = Budget.objects.get(scope="tenant", scope_id=caller.tenant.id)
    budget_limit(budget=budget, limit_tokens=10, limit_usd=None)
    with pytest.raises(openai.APIStatusError, match="budget of the tenant") as refused:
        client.chat.completions.create(model="small", messages=ASK, stream=True)
    assert (refused.value.status_code, refused.value.code, refused.value.type) == (
        402,
        "BUDGET_EXCEEDED",
        "insufficient_quota",
    )
    details: Any = refused.value.body["details"]  # type: ignore[index]
    assert {"scope", "limit", "spent", "reserved", "asked"} <= set(details)
    assert AuditEntry.objects.filter(rule="BUDGET_EXCEEDED", tenant=caller.tenant).count() == 1


def test_an_answer_is_asked_for_again_only_if_the_budget_covers_both(
    client: openai.OpenAI, caller: Caller, provider: Provider
) -> None:
    schema: Any = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
    ask: Any = {"model": "openai/loopback-m", "messages": ASK, "max_tokens": 20, "response_format": schema}
    provider.body = whole("{}")
    client.chat.completions.create(**ask)
    one_attempt = Reservation.objects.get().tokens
    budget = Budget.objects.get(scope="tenant", scope_id=caller.tenant.id)
    budget_limit(budget=budget, limit_tokens=budget.spent_tokens + one_attempt, limit_usd=None)
    provider.body, asked_before = whole("no object"), len(provider.asked)

    with pytest.raises(openai.APIStatusError, match="budget of the tenant") as refused:
        client.chat.completions.create(**ask)

    assert (refused.value.status_code, refused.value.code) == (402, "BUDGET_EXCEEDED")
    assert len(provider.asked) == asked_before + 1
    before = budget.spent_tokens
    budget.refresh_from_db()
    assert (budget.spent_tokens, budget.reserved_tokens) == (before + 18, 0)
    assert AuditEntry.objects.filter(rule="BUDGET_EXCEEDED", tenant=caller.tenant).count() == 1


def test_a_call_that_a_budget_made_cheaper_says_so_whole_and_streamed(client: openai.OpenAI, caller: Caller) -> None:
    budget = Budget.objects.get(scope="tenant", scope_id=caller.tenant.id)
    budget_limit(budget=budget, limit_tokens=10**6, limit_usd=None, percents={"smaller_output_percent": 1})
    Budget.objects.filter(pk=budget.pk).update(spent_tokens=20_000)

    whole_answer = client.chat.completions.create(model="medium", messages=ASK)
    pieces = list(client.chat.completions.create(model="medium", messages=ASK, stream=True))

    ends = [piece for piece in pieces if piece.choices and piece.choices[0].finish_reason]
    assert whole_answer.model == "offline/small"
    for told in (whole_answer.model_extra, ends[0].model_extra):
        event = (told or {})["shannon_events"][-1]
        assert (event["type"], event["payload"]["degradation"]) == ("BUDGET_THRESHOLD", "smaller_output")
        assert (event["payload"]["model"], event["payload"]["asked_model"]) == ("offline/small", "offline/medium")
        assert event["payload"]["max_output_tokens"] < event["payload"]["asked_max_output_tokens"]


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_a_number_that_json_does_not_have_is_no_body(base_url: str, caller: Caller, number: str) -> None:
    head = '{"model": "small", "messages": [{"role": "user", "content": "Hi"}], "logit_bias": {"1": '
    body = f"{head}{number}}}}}"
    refused = httpx.post(f"{base_url}/v1/chat/completions", content=body, headers={"X-API-Key": caller.key})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "INVALID_INPUT")


def test_a_call_for_which_a_person_is_wanted_is_refused(client: openai.OpenAI, caller: Caller) -> None:
    rego = """package tenant.people
import rego.v1
actions := {"model.call"}
require_approval contains "A person must look at this." if true
"""
    policy_save(name="people", rego=rego, tenant_id=caller.tenant.id)
    policies_forget()
    with pytest.raises(openai.PermissionDeniedError, match="submit a task") as refused:
        client.chat.completions.create(model="small", messages=ASK)
    policies_forget()
    assert refused.value.code == "APPROVAL_REQUIRED"
    assert not Reservation.objects.exists()


@pytest.mark.parametrize(
    ("setting", "value"), [("SHANNON_OPENAI_BODY_MAX_BYTES", 20_000), ("SHANNON_OPENAI_BODY_MAX_VALUES", 1_000)]
)
@pytest.mark.parametrize("model", ["openai/loopback-m", "shannon-chat"])
def test_a_body_that_is_too_large_is_refused_by_the_name_of_the_limit_before_it_is_read(
    base_url: str, caller: Caller, provider: Provider, settings: Settings, setting: str, value: int, model: str
) -> None:
    setattr(settings, setting, value)
    body = json.dumps({"model": model, "messages": ASK, "tools": [{}] * 12_000})

    refused = httpx.post(f"{base_url}/v1/chat/completions", content=body, headers={"X-API-Key": caller.key})

    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "BODY_TOO_LARGE")
    assert refused.json()["error"]["details"]["limit"] == setting
    assert provider.asked == []


def test_a_providers_failure_is_typed_and_costs_nothing(
    client: openai.OpenAI, provider: Provider, settings: Settings
) -> None:
    settings.SHANNON_MODEL_ATTEMPTS = 1
    provider.status, provider.body = 429, b'{"error": {"message": "slow down sk-of-the-provider"}}'
    provider.headers["Retry-After"] = "7"
    with pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(model="openai/loopback-m", messages=ASK)
    assert refused.value.response.headers["Retry-After"] == "7"
    assert "sk-of-the-provider" not in refused.value.response.text
    assert set(Reservation.objects.values_list("status", flat=True)) == {ReservationStatus.RELEASED}


def test_who_lacks_the_scope_or_the_key_is_refused(base_url: str, client: openai.OpenAI, caller_with: Any) -> None:
    reader = caller_with("tasks:read")
    with pytest.raises(openai.PermissionDeniedError):
        client.with_options(api_key=reader.key).chat.completions.create(model="small", messages=ASK)


def test_a_long_question_is_answered_to_its_caller_and_not_looked_at_for_a_stranger(
    base_url: str, client: openai.OpenAI
) -> None:
    long = [{"role": "user", "content": f"What is 17 * 23? {'x ' * 20_000}"}]
    assert client.chat.completions.create(model="small", messages=long).choices[0].message.content  # type: ignore[arg-type]
    for body in (json.dumps({"model": "small", "messages": long}), "[" * 100_000):
        refused = httpx.post(f"{base_url}/v1/chat/completions", content=body, headers={"X-API-Key": "sk_nobody"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "API_KEY_INVALID")


def test_the_gateway_serves_nobody_but_web(gateway_url: str, caller: Caller) -> None:
    url = f"{gateway_url}/v1/chat/completions"
    body = {"model": "small", "messages": ASK}
    for headers in ({}, {"X-API-Key": caller.key}, {"x-shannon-internal": "guess"}):
        assert httpx.post(url, json=body, headers=headers).status_code == 404


def test_without_a_gateway_the_answer_is_try_again(client: openai.OpenAI, settings: Settings) -> None:
    settings.SHANNON_GATEWAY_URL = "http://127.0.0.1:1"
    with pytest.raises(openai.InternalServerError) as refused:
        client.chat.completions.create(model="small", messages=ASK)
    assert (refused.value.status_code, refused.value.code) == (503, "GATEWAY_UNAVAILABLE")
    assert refused.value.response.headers["Retry-After"]


def test_a_client_that_leaves_ends_its_call(client: openai.OpenAI, provider: Provider) -> None:
    frame = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    piece = {**frame, "choices": [{"index": 0, "delta": {"content": "word "}}]}
    provider.drips = provider.body = f"data: {json.dumps(piece)}\n\n".encode()
    stream = client.chat.completions.create(model="openai/loopback-m", messages=ASK, stream=True)
    next(iter(stream))
    stream.close()
    assert provider.left.wait(10)


def test_a_client_that_leaves_before_the_first_word_ends_its_call_and_pays_for_the_question(
    base_url: str, provider: Provider, caller: Caller
) -> None:
    provider.stall_seconds = 60.0
    address = urlsplit(base_url)
    body = json.dumps({"model": "openai/loopback-m", "messages": ASK, "stream": True})
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {address.netloc}\r\nX-API-Key: {caller.key}\r\n"
    with socket.create_connection((address.hostname, address.port)) as leaver:
        leaver.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        assert _soon(lambda: bool(provider.asked))

    assert _soon(ModelCall.objects.exists), "it is not waited for until the provider says something"
    assert ModelCall.objects.get().outcome == "TASK_CANCELLED"
    entry = LedgerEntry.objects.get()
    assert entry.is_estimate
    assert entry.tokens == entry.prompt_tokens > 0
    assert _soon(lambda: not Reservation.objects.filter(status="held").exists())
    assert ledger_check() == []


def _soon(holds: Callable[[], bool]) -> bool:
    """Look until it holds, for half a minute at most."""
    looks = threading.Event()
    return any(holds() or looks.wait(0.02) for _ in range(1_500))


def test_a_prompt_is_completed(client: openai.OpenAI, provider: Provider) -> None:
    provider.body = whole("Hi")
    answer = client.completions.create(model="openai/loopback-m", prompt="Say hi", max_tokens=5)
    assert (answer.object, answer.choices[0].text) == ("text_completion", "Hi")
    assert provider.asked[0]["messages"] == [{"role": "user", "content": "Say hi"}]
