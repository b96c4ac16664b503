"""The row of every call, through real HTTP and litellm: who, what, how it ended, what it took."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import Settings

from agents.errors import TaskCancelled
from agents.fake_engine import FakeStepEngine
from agents.journal import Journal
from agents.llm.calls import model_call
from agents.llm.errors import ModelUnavailable
from agents.llm.gate.selection import _gate_of
from agents.models import JournalEntry, ModelCall
from agents.selectors import model_breakdown
from policy.selectors import budget_states
from policy.types import Principal
from tests.integration.agents.llm.rows.registering import REQUEST, add, provider, tier
from tests.integration.agents.llm.serving import server
from tests.integration.agents.steps import engine_of, step_of
from tests.provider import Fault, FaultProvider

__all__ = ["provider", "server"]
pytestmark = pytest.mark.django_db


def test_a_call_is_a_row_with_all_that_it_took(principal: Principal, provider: FaultProvider) -> None:
    add(principal, provider, "m1")
    tier(principal, "m1")
    ctx = step_of(principal)

    reply = model_call(ctx, Journal(ctx), REQUEST)

    row = ModelCall.objects.get()
    assert (row.tenant_id, row.task_id, row.step_id) == (principal.tenant_id, ctx.task_id, ctx.step_id)
    assert (row.user_id, row.position, row.attempt, row.purpose) == ("ada", 0, 1, "agent")
    assert (row.asked, row.tier, row.model, row.provider, row.outcome) == ("medium", "medium", "m1", "near", "ok")
    assert (row.prompt_tokens, row.completion_tokens) == (reply.prompt_tokens, reply.completion_tokens)
    assert row.cost_usd == reply.cost_usd == Decimal(reply.prompt_tokens + 2 * reply.completion_tokens) / 1_000_000
    assert (row.is_estimate, row.is_streamed, row.fallback_reason) == (False, True, "")
    assert row.first_token_ms is not None
    assert row.latency_ms >= row.first_token_ms
    assert row.request_digest == JournalEntry.objects.get(step_id=ctx.step_id).request_digest


def test_a_call_that_is_read_from_the_journal_is_no_second_row(principal: Principal, provider: FaultProvider) -> None:
    add(principal, provider, "m1")
    tier(principal, "m1")
    ctx = step_of(principal)
    for _ in range(2):
        model_call(ctx, Journal(ctx), REQUEST)

    assert ModelCall.objects.count() == 1


def test_fallback_over_http_leaves_a_row_for_each_attempt_and_the_budget_is_the_sum(
    principal: Principal, provider: FaultProvider
) -> None:
    add(principal, provider, "m1")
    add(principal, provider, "m2")
    tier(principal, "m1", "m2")
    provider.will(Fault(model="m1", status=503))
    ctx = step_of(principal)

    reply = model_call(ctx, Journal(ctx), REQUEST)

    first, second = ModelCall.objects.order_by("attempt")
    assert (first.model, first.outcome, first.cost_usd) == ("m1", "MODEL_UNAVAILABLE", Decimal(0))
    assert (second.model, second.outcome, second.fallback_reason) == ("m2", "ok", "MODEL_UNAVAILABLE")
    assert reply.model == "m2"
    spent = budget_states(tenant_id=principal.tenant_id, refs=ctx.budgets)[0]
    assert (spent.spent_tokens, spent.reserved_tokens) == (reply.prompt_tokens + reply.completion_tokens, 0)
    assert [(entry["model"], entry["executions"]) for entry in model_breakdown(task_id=ctx.task_id)] == [
        ("m2", 1),
        ("m1", 0),
    ]


@pytest.fixture
def _exact_gate(settings: Settings) -> Iterator[None]:
    """A gate that looks at its measures each time."""
    settings.SHANNON_MODEL_GATE = "agents.llm.gate.local.LocalGate"
    _gate_of.cache_clear()
    yield
    _gate_of.cache_clear()


@pytest.mark.usefixtures("_exact_gate")
def test_of_a_tier_by_latency_the_model_that_was_measured_to_be_faster_answers(
    principal: Principal, provider: FaultProvider
) -> None:
    add(principal, provider, "slow")
    add(principal, provider, "fast")
    tier(principal, "slow", "fast", select="latency")
    provider.will(Fault(model="slow", times=0, first_token_seconds=0.8))
    ctx = step_of(principal)
    journal = Journal(ctx)
    models = [model_call(ctx, journal, REQUEST).model for _ in range(12)]

    assert models == ["slow"] * 5 + ["fast"] * 7, "each is measured five times; then it is known"


def test_a_stream_that_breaks_after_text_fails_with_its_cost_and_tells_nothing_twice(
    principal: Principal, provider: FaultProvider
) -> None:
    add(principal, provider, "m1")
    add(principal, provider, "m2")
    tier(principal, "m1", "m2")
    provider.will(Fault(model="m1", cut_after_chunks=2))
    ctx = step_of(principal)

    with pytest.raises(ModelUnavailable):
        model_call(ctx, Journal(ctx), REQUEST)

    row = ModelCall.objects.get()
    assert (row.outcome, row.is_estimate) == ("MODEL_UNAVAILABLE", True)
    assert row.completion_tokens > 0
    assert len(provider.calls) == 1
    spent = budget_states(tenant_id=principal.tenant_id, refs=ctx.budgets)[0]
    assert spent.spent_tokens == row.prompt_tokens + row.completion_tokens


def test_a_call_that_is_cancelled_in_the_middle_is_accounted_by_estimate(
    principal: Principal, provider: FaultProvider
) -> None:
    add(principal, provider, "m1")
    tier(principal, "m1")
    provider.will(Fault(between_seconds=0.1, chunks=10))
    ctx = step_of(principal)
    engine: FakeStepEngine = engine_of(ctx)
    engine.cancel_at_checkpoint = 4  # before the policy, before the attempt, at the first text, at the second

    with pytest.raises(TaskCancelled):
        model_call(ctx, Journal(ctx), REQUEST)

    row = ModelCall.objects.get()
    assert (row.outcome, row.is_estimate) == ("TASK_CANCELLED", True)
    assert row.completion_tokens > 0
    spent = budget_states(tenant_id=principal.tenant_id, refs=ctx.budgets)[0]
    assert spent.spent_tokens == row.prompt_tokens + row.completion_tokens


def test_the_write_of_a_call_costs_one_query_more_than_the_call_without(
    principal: Principal, provider: FaultProvider, django_assert_num_queries: Any, settings: Settings
) -> None:
    settings.SHANNON_POLICY_RECHECK_SECONDS = 600.0
    ctx = step_of(principal)
    journal = Journal(ctx)
    model_call(ctx, journal, REQUEST)
    with django_assert_num_queries(9):  # savepoint, entry, reserve, release; savepoint, entry, settle, row, release
        model_call(ctx, journal, REQUEST)


def test_a_hedge_over_http_is_told_once_and_both_are_paid(principal: Principal, provider: FaultProvider) -> None:
    add(principal, provider, "m1")
    add(principal, provider, "m2")
    tier(principal, "m1", "m2", hedge_after_seconds=0.2)
    provider.will(Fault(model="m1", first_token_seconds=5.0))
    ctx = step_of(principal)

    reply = model_call(ctx, Journal(ctx), REQUEST)

    assert reply.model == "m2"
    assert "".join(engine_of(ctx).deltas) == reply.text
    lost, won = ModelCall.objects.order_by("attempt")
    assert (lost.outcome, lost.is_estimate, won.outcome, won.fallback_reason) == ("HEDGE_LOST", True, "ok", "hedge")
    spent = budget_states(tenant_id=principal.tenant_id, refs=ctx.budgets)[0]
    assert spent.spent_tokens == sum(row.prompt_tokens + row.completion_tokens for row in (lost, won))
    assert spent.spent_tokens > reply.prompt_tokens + reply.completion_tokens
