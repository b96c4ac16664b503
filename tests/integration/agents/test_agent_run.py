"""An agent in a step: model, tools, journal, budget, policy together."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from agents.errors import TaskCancelled
from agents.fake_engine import FakeStepEngine
from agents.journal import Journal
from agents.llm.base import _gateway_of, gateway_in_use
from agents.llm.fake import FakeGateway
from agents.llm.types import ModelReply, ToolCall
from agents.models import JournalEntry
from agents.services import agent_run, step_usage
from agents.types import AgentSpec, SubtaskResult
from policy.types import Principal
from tests.integration.agents.steps import engine_of, next_attempt, step_of

SPEC = AgentSpec(
    instruction="What is 6 times 7?",
    tools=("calculator",),
    dependencies=(SubtaskResult("s1", "Before", "succeeded", "six"),),
    workspace_overview="- a.csv (3 bytes)",
)


@pytest.fixture
def gateway(settings: Any) -> Iterator[FakeGateway]:
    """The gateway in use, a fake with nothing to say yet."""
    settings.SHANNON_MODEL_GATEWAY = "agents.llm.fake.FakeGateway"
    _gateway_of.cache_clear()
    fake = gateway_in_use()
    assert isinstance(fake, FakeGateway)
    yield fake
    _gateway_of.cache_clear()


def script(gateway: FakeGateway, *replies: ModelReply | str) -> None:
    """Tell the model what to say next."""
    gateway._script = iter(replies)


def calls(expression: str, text: str = "") -> ModelReply:
    """Return a reply that wants the calculator."""
    wanted = ToolCall("c1", "calculator", f'{{"expression": "{expression}"}}')
    return ModelReply(text, (wanted,), 100, 10, Decimal("0.001"), "offline/medium", "offline", "tool_calls")


def test_an_agent_uses_a_tool_and_answers(principal: Principal, gateway: FakeGateway) -> None:
    ctx = step_of(principal)
    script(gateway, calls("6 * 7", "I compute."), "It is 42.")
    result = agent_run(ctx, Journal(ctx), SPEC)
    assert (result.text, result.turns, result.stop_reason) == ("It is 42.", 2, "answered")
    assert (result.usage.model_calls, result.usage.tool_calls) == (2, 1)
    assert result.usage.prompt_tokens > 100
    asked = gateway.requests[1].messages
    assert [message["role"] for message in asked] == ["system", "user", "assistant", "tool"]
    assert "## Results you depend on\n\n### s1: Before\n\nsix" in asked[1]["content"]
    assert "## Files in the workspace\n\n- a.csv (3 bytes)" in asked[1]["content"]
    assert asked[3]["content"] == '{"ok": true, "output": {"result": 42, "text": "42"}}'
    assert engine_of(ctx).kinds() == [
        "LLM_PROMPT",
        "LLM_OUTPUT",
        "AGENT_THINKING",
        "TOOL_INVOKED",
        "TOOL_OBSERVATION",
        "LLM_PROMPT",
        "LLM_OUTPUT",
    ]


def test_a_resumed_agent_repeats_nothing_that_was_finished(principal: Principal, gateway: FakeGateway) -> None:
    ctx = step_of(principal)
    ctx = replace(ctx, engine=FakeStepEngine(uses_database=True, cancel_at_checkpoint=5))
    script(gateway, calls("6 * 7"), calls("1 + 1"), "Both done.")
    with pytest.raises(TaskCancelled):  # stands for the worker's death between two calls
        agent_run(ctx, Journal(ctx), SPEC)
    assert len(gateway.requests) == 1
    recorded = [entry.status for entry in JournalEntry.objects.order_by("position")]
    assert recorded == ["finished", "finished", "finished", "started"]

    again = replace(next_attempt(ctx), engine=FakeStepEngine(uses_database=True))
    changed = replace(SPEC, workspace_overview="- another.csv (4 bytes)", history=(("user", "committed late"),))
    result = agent_run(again, Journal(again), changed)
    assert result.text == "Both done."
    assert len(gateway.requests) == 3
    assert JournalEntry.objects.count() == 6
    used = step_usage(ctx.step_id)
    assert (used.model_calls, used.tool_calls) == (result.usage.model_calls, result.usage.tool_calls) == (3, 2)
    assert used.cost_usd == result.usage.cost_usd

    third = replace(next_attempt(again), engine=FakeStepEngine(uses_database=True))
    assert agent_run(third, Journal(third), SPEC) == result
    assert engine_of(third).events == []


def test_malformed_calls_are_told_to_the_model(principal: Principal, gateway: FakeGateway) -> None:
    ctx = step_of(principal)
    broken = ModelReply("", (ToolCall("c1", "calculator", "{"), ToolCall("c2", "python", "{}")), 1, 1, Decimal(0))
    script(gateway, broken, "I see.")
    agent_run(ctx, Journal(ctx), SPEC)
    told = [message["content"] for message in gateway.requests[1].messages if message["role"] == "tool"]
    assert "TOOL_INPUT_INVALID" in told[0]
    assert "TOOL_NOT_FOUND" in told[1]


@pytest.mark.usefixtures("_policies_stay")
def test_a_model_call_with_its_tool_call_has_a_pinned_price_in_queries(
    principal: Principal, gateway: FakeGateway, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    warm = step_of(principal)
    script(gateway, "warm")
    agent_run(warm, Journal(warm), SPEC)  # the process compiles its policies once
    ctx = step_of(principal)
    script(gateway, calls("6 * 7"), "It is 42.")
    # One load of the journal; 6 for the tool call; 9 for each model call: as many, a reservation, its settlement and
    # the row of the call, which must commit with the settlement: the accounts are compared.
    with django_assert_num_queries(1 + 6 + 2 * 9):
        agent_run(ctx, Journal(ctx), SPEC)
