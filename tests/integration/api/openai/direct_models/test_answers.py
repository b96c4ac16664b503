"""Models that are asked directly, by the official client: answers whole and streamed, and who leaves early."""

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

from agents.models import ModelCall
from orchestration.models import Task
from policy.models import AuditEntry, Budget, LedgerEntry, Reservation
from policy.services import budget_limit, ledger_check
from tests.integration.agents.llm.providers import Provider, streamed, whole
from tests.integration.api.callers import Caller
from tests.integration.api.openai.direct_models.asking import ASK, CALLS, WEATHER

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("gateway_url")]


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


def test_a_long_question_is_answered_to_its_caller_and_not_looked_at_for_a_stranger(
    base_url: str, client: openai.OpenAI
) -> None:
    long = [{"role": "user", "content": f"What is 17 * 23? {'x ' * 20_000}"}]
    assert client.chat.completions.create(model="small", messages=long).choices[0].message.content  # type: ignore[arg-type]
    for body in (json.dumps({"model": "small", "messages": long}), "[" * 100_000):
        refused = httpx.post(f"{base_url}/v1/chat/completions", content=body, headers={"X-API-Key": "sk_nobody"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "API_KEY_INVALID")


def test_a_client_that_leaves_ends_its_call(client: openai.OpenAI, provider: Provider) -> None:
    frame = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    piece = {**frame, "choices": [{"index": 0, "delta": {"content": "word "}}]}
    provider.drips = provider.body = f"data: {json.dumps(piece)}\n\n".encode()
    stream = client.chat.completions.create(model="openai/loopback-m", messages=ASK, stream=True)
    next(iter(stream))
    stream.close()
    assert provider.left.wait(60)


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
    return any(holds() or looks.wait(0.02) for _ in range(6_000))


def test_a_prompt_is_completed(client: openai.OpenAI, provider: Provider) -> None:
    provider.body = whole("Hi")
    answer = client.completions.create(model="openai/loopback-m", prompt="Say hi", max_tokens=5)
    assert (answer.object, answer.choices[0].text) == ("text_completion", "Hi")
    assert provider.asked[0]["messages"] == [{"role": "user", "content": "Say hi"}]
