"""Schemas, tool calls, windows and caches of prompts, through real HTTP and litellm."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from prometheus_client import REGISTRY
from pytest_django import Settings

from agents.journal import Journal
from agents.llm.administration import gateway_row_save
from agents.llm.calls import model_call
from agents.llm.errors import ModelAnswerInvalid, ModelWindowExceeded
from agents.llm.routing.narrowing import NARROWINGS_MAX
from agents.llm.types import ModelPurpose, ModelReply, ModelRequest
from agents.models import ModelCall, ModelOverride, TierOverride
from policy.errors import BudgetExceeded
from policy.models import Budget
from policy.selectors import budget_states
from policy.services import budget_limit
from policy.types import Principal
from shannon_project.config.catalogue import catalogue
from shannon_project.foundation.errors import InvalidInput
from tests.integration.agents.llm.serving import server
from tests.integration.agents.steps import engine_of, step_of
from tests.provider import Fault, FaultProvider

__all__ = ["server"]
pytestmark = pytest.mark.django_db
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}


@pytest.fixture
def provider(server: FaultProvider, settings: Settings, principal: Principal) -> FaultProvider:
    """The provider, which serves the tenant's medium by a model that has everything, and small by one that has not."""
    server.forget()
    settings.SHANNON_POLICY_RECHECK_SECONDS = 0.0
    settings.SHANNON_MODEL_ATTEMPTS = 1
    for name, abilities in (("able", ["tools", "json_schema", "streaming"]), ("plain", ["streaming"])):
        row = ModelOverride(tenant_id=principal.tenant_id, name=name, litellm_name=f"openai/{name}", provider="near")
        row.api_base, row.input_usd, row.output_usd = server.base_url, Decimal(1), Decimal(2)
        row.abilities, row.context_window_tokens = abilities, 4_000
        gateway_row_save(row=row)
    for tier, name in (("medium", "able"), ("small", "plain")):
        gateway_row_save(row=TierOverride(tenant_id=principal.tenant_id, tier=tier, candidates=[name]))
    return server


def ask(principal: Principal, *, is_watched: bool = True, **values: Any) -> tuple[ModelReply, Any]:
    ctx = replace(step_of(principal), is_watched=is_watched)
    values.setdefault("messages", [{"role": "user", "content": "How many?"}])
    return model_call(ctx, Journal(ctx), ModelRequest(purpose=ModelPurpose.CHAT, max_output_tokens=300, **values)), ctx


def form(schema: Any = SCHEMA) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}


def test_an_answer_that_fits_its_schema_is_asked_for_once(principal: Principal, provider: FaultProvider) -> None:
    provider.will(Fault(text='{"n": 3}'))
    reply, ctx = ask(principal, response_format=form())

    assert json.loads(reply.text) == {"n": 3}
    assert provider.calls[0].body["response_format"]["json_schema"]["schema"] == SCHEMA
    assert "".join(engine_of(ctx).deltas) == reply.text


def test_one_that_does_not_fit_is_asked_for_once_more_and_both_are_paid(
    principal: Principal, provider: FaultProvider
) -> None:
    provider.will(Fault(text='{"n": "three"}'), Fault(text='{"n": 3}'))
    reply, ctx = ask(principal, response_format=form())

    assert json.loads(reply.text) == {"n": 3}
    assert "n: 'three' is not of type 'integer'" in provider.calls[1].body["messages"][-1]["content"]
    assert "three" not in "".join(engine_of(ctx).deltas), "nobody was told the wrong one"
    rows = ModelCall.objects.filter(task_id=ctx.task_id)
    assert [row.outcome for row in rows] == ["ok", "ok"]
    spent = budget_states(tenant_id=principal.tenant_id, refs=ctx.budgets)[0]
    assert spent.spent_tokens == sum(row.prompt_tokens + row.completion_tokens for row in rows)


def test_one_that_does_not_fit_twice_is_a_failure_that_is_paid(principal: Principal, provider: FaultProvider) -> None:
    provider.will(Fault(text="I think three.", times=2))

    with pytest.raises(ModelAnswerInvalid) as caught:
        ask(principal, response_format=form())

    assert caught.value.details["problems"]
    assert ModelCall.objects.count() == 2


def test_the_turn_that_repairs_an_answer_is_not_made_when_no_budget_covers_it(
    principal: Principal, provider: FaultProvider
) -> None:
    budget = Budget.objects.get(scope="tenant", scope_id=principal.tenant_id)
    budget_limit(budget=budget, limit_tokens=500, limit_usd=None)
    usage = {"prompt_tokens": 100, "completion_tokens": 200, "total_tokens": 300}
    provider.will(Fault(text='{"n": "three"}', usage=usage), Fault(text='{"n": 3}', usage=usage))

    with pytest.raises(BudgetExceeded, match="budget of the tenant"):
        ask(principal, response_format=form())

    assert len(provider.calls) == 1
    budget.refresh_from_db()
    assert (budget.spent_tokens, budget.reserved_tokens) == (300, 0)


def test_a_provider_without_schemas_is_told_in_words_and_checked_all_the_same(
    principal: Principal, provider: FaultProvider
) -> None:
    provider.will(Fault(text='```json\n{"n": 3}\n```'))
    reply, _ = ask(principal, response_format=form(), tier="small")

    asked = provider.calls[0].body
    assert "response_format" not in asked
    assert '"integer"' in asked["messages"][0]["content"]
    assert "3" in reply.text


def test_a_schema_that_is_none_is_refused_before_anything_is_asked(
    principal: Principal, provider: FaultProvider
) -> None:
    for schema in ({"type": "nonsense"}, {"$ref": "https://example.org/schema"}):
        with pytest.raises(InvalidInput, match=r"response_format\.json_schema\.schema"):
            ask(principal, response_format=form(schema))

    assert provider.calls == []


def test_tool_calls_that_are_written_wrongly_come_mended(principal: Principal, provider: FaultProvider) -> None:
    tools = [{"type": "function", "function": {"name": "file_read", "parameters": {"type": "object"}}}]
    broken = ({"name": "functions.file_read", "arguments": "{'path': 'a.txt',}"},)
    provider.will(Fault(tool_calls=broken))
    reply, _ = ask(principal, tools=tools)

    (call,) = reply.tool_calls
    assert (call.name, json.loads(call.arguments_json)) == ("file_read", {"path": "a.txt"})


def test_a_conversation_that_outgrows_the_window_is_trimmed_and_never_refused_by_the_provider(
    principal: Principal, provider: FaultProvider
) -> None:
    talk = [{"role": ("user", "assistant")[number % 2], "content": "word " * 300} for number in range(40)]
    messages = [{"role": "system", "content": "Be kind."}, *talk, {"role": "user", "content": "And now?"}]
    reply, _ = ask(principal, messages=messages)

    sent = provider.calls[0].body
    assert reply.text == "You said: And now?"
    assert sent["messages"][0]["content"] == "Be kind."
    assert len(json.dumps(sent["messages"])) / 4 + sent["max_tokens"] < 4_000


def test_a_picture_is_counted_by_what_one_takes_and_not_by_its_bytes(
    principal: Principal, provider: FaultProvider
) -> None:
    gateway_row_save(
        row=ModelOverride(
            tenant_id=principal.tenant_id, name="seeing", litellm_name="openai/seeing", provider="near",
            api_base=provider.base_url, abilities=["vision", "streaming"], context_window_tokens=32_000,
        )
    )  # fmt: skip
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{'A' * 400_000}"}}
    content = [{"type": "text", "text": "What is it?"}, picture]
    ask(principal, messages=[{"role": "user", "content": content}], model_override="seeing")

    assert provider.calls[0].body["messages"][0]["content"] == content


def too_long(window: int) -> Fault:
    said = f"This model's maximum context length is {window} tokens. However, your messages resulted in more."
    return Fault(status=400, message=said)


def test_a_provider_whose_window_nobody_knew_is_asked_again_with_less(
    principal: Principal, provider: FaultProvider
) -> None:
    name, base = "unknown-window", provider.base_url
    row = ModelOverride(tenant_id=principal.tenant_id, name=name, litellm_name=f"openai/{name}", api_base=base)
    gateway_row_save(row=row)
    provider.will(too_long(8_000), too_long(8_000))
    talk = [{"role": ("user", "assistant")[number % 2], "content": "word " * 300} for number in range(60)]
    reply, _ = ask(principal, messages=[*talk, {"role": "user", "content": "And now?"}], model_override=name)

    first, second, third = (len(json.dumps(call.body["messages"])) for call in provider.calls)
    assert reply.text == "You said: And now?"
    assert first > 3 * second > 0, "the second time it was made to fit into what the provider had said"
    assert third < second, "it had not fit by the provider's count"

    provider.calls.clear()
    ask(principal, messages=[*talk, {"role": "user", "content": "And then?"}], model_override=name)
    assert [len(json.dumps(call.body["messages"])) for call in provider.calls] == [second + 1], "it is remembered"


def test_what_is_too_long_for_every_window_ends_with_the_providers_refusal(
    principal: Principal, provider: FaultProvider
) -> None:
    provider.will(replace(too_long(500_000), times=0))
    for words, calls in ((1_500, 1 + NARROWINGS_MAX), (1, 1)):
        provider.calls.clear()
        with pytest.raises(ModelWindowExceeded, match="too long for able") as caught:
            ask(principal, messages=[{"role": "user", "content": "word " * words}])

        assert caught.value.details["provider_status"] == 400
        assert len(provider.calls) == calls, "what cannot be shortened is not asked again"


def test_what_cannot_be_made_to_fit_is_refused_here(principal: Principal, provider: FaultProvider) -> None:
    tools = [
        {"type": "function", "function": {"name": f"t{n}", "description": "x" * 900, "parameters": {}}}
        for n in range(30)
    ]

    with pytest.raises(ModelWindowExceeded, match="4,000 tokens"):
        ask(principal, tools=tools)

    assert provider.calls == []


def saved_usd() -> float:
    return REGISTRY.get_sample_value("shannon_model_saved_usd_total", {"kind": "provider"}) or 0.0


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
def test_anthropics_cache_is_asked_for_by_marks_and_its_tokens_are_accounted_at_their_prices(
    principal: Principal, provider: FaultProvider, is_streamed: bool
) -> None:
    base = provider.base_url.removesuffix("/v1")
    known = catalogue().models["anthropic/claude-haiku-4-5"]
    gateway_row_save(row=ModelOverride(tenant_id=principal.tenant_id, name=known.name, api_base=base))
    tools = [{"type": "function", "function": {"name": "t", "description": "d", "parameters": {"type": "object"}}}]
    messages = [{"role": "system", "content": "rules " * 1_000}, {"role": "user", "content": "hello"}]
    before = saved_usd()
    reply, ctx = ask(principal, messages=messages, tools=tools, model_override=known.name, is_watched=is_streamed)

    sent = provider.calls[0].body
    assert provider.calls[0].is_streamed is is_streamed
    assert reply.text.strip() == "Hello from the cache."
    assert sent["system"][0]["cache_control"] == {"type": "ephemeral"}
    assert sent["tools"][-1]["cache_control"] == {"type": "ephemeral"}
    assert sent["messages"][-1]["content"][-1]["cache_control"] == {"type": "ephemeral"}
    assert (reply.prompt_tokens, reply.cache_read_tokens, reply.cache_write_tokens) == (950, 800, 100)
    assert reply.cost_usd == (Decimal(50) + 800 * Decimal("0.1") + 100 * Decimal("1.25") + 5 * Decimal(5)) / 1_000_000
    assert saved_usd() - before == pytest.approx(800 * 0.9 / 1_000_000), "what was read from the cache cost a tenth"
    row = ModelCall.objects.get(task_id=ctx.task_id)
    assert (row.cache_read_tokens, row.cache_write_tokens, row.cost_usd) == (800, 100, reply.cost_usd)


def test_what_stays_the_same_from_turn_to_turn_is_sent_the_same(principal: Principal, provider: FaultProvider) -> None:
    tools = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("b", "a")]
    first = [{"role": "system", "content": "rules"}, {"role": "user", "content": "one"}]
    ask(principal, messages=first, tools=tools)
    ask(
        principal,
        messages=[*first, {"role": "assistant", "content": "1"}, {"role": "user", "content": "two"}],
        tools=tools,
    )

    one, two = (call.body for call in provider.calls)
    assert one["tools"] == two["tools"]
    assert two["messages"][: len(one["messages"])] == one["messages"]
