"""The same request is answered once, for its tenant."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from prometheus_client import REGISTRY

from agents.llm.administration import gateway_row_save
from agents.models import ModelCall, ModelRules
from policy.selectors import budget_states
from policy.types import Principal
from tests.integration.agents.llm.caches.asking import REQUEST, ask, provider
from tests.integration.agents.llm.serving import server
from tests.integration.agents.steps import engine_of
from tests.provider import Fault, FaultProvider

__all__ = ["provider", "server"]
pytestmark = pytest.mark.django_db


def saved_usd(kind: str) -> float:
    return REGISTRY.get_sample_value("shannon_model_saved_usd_total", {"kind": kind}) or 0.0


def test_the_same_request_is_answered_once_and_the_second_time_for_nothing(
    principal: Principal, provider: FaultProvider
) -> None:
    before = saved_usd("exact")
    first, _ = ask(principal)
    second, ctx = ask(principal)

    assert len(provider.calls) == 1
    assert (second.text, second.prompt_tokens, second.cost_usd) == (first.text, 0, Decimal(0))
    assert second.hit is not None
    assert (second.hit.kind, second.hit.saved_usd) == ("exact", first.cost_usd)
    assert saved_usd("exact") - before == pytest.approx(float(first.cost_usd or 0))
    row = ModelCall.objects.get(task_id=ctx.task_id)
    assert (row.cache, row.attempt, row.saved_usd, row.cost_usd) == ("exact", 0, first.cost_usd, Decimal(0))
    assert engine_of(ctx).events[-1].payload["cache"]["kind"] == "exact"
    assert "".join(engine_of(ctx).deltas) == first.text, "who watches sees it all the same"
    spent = budget_states(tenant_id=principal.tenant_id, refs=ctx.budgets)[0]
    assert (spent.spent_tokens, spent.reserved_tokens) == (first.prompt_tokens + first.completion_tokens, 0)


def test_another_tenant_is_never_given_an_answer_of_this_one(
    principal: Principal, stranger: Principal, provider: FaultProvider
) -> None:
    ask(principal)
    ask(stranger)

    assert len(provider.calls) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"messages": [{"role": "user", "content": "hello there!"}]},
        {"max_output_tokens": 51},
        {"tools": [{"type": "function", "function": {"name": "t", "parameters": {"type": "object"}}}]},
        {"options": {"seed": 1}},
        {"model_override": "m1"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_changes_the_answer_is_part_of_the_question(
    principal: Principal, provider: FaultProvider, change: dict[str, Any]
) -> None:
    ask(principal)
    ask(principal, replace(REQUEST, **change))

    assert len(provider.calls) == 2


def test_only_answers_at_temperature_0_are_kept_unless_the_tenant_says_otherwise(
    principal: Principal, provider: FaultProvider
) -> None:
    warm = replace(REQUEST, options={"temperature": 0.7})
    ask(principal, warm)
    ask(principal, warm)
    assert len(provider.calls) == 2
    gateway_row_save(row=ModelRules(tenant_id=principal.tenant_id, caches_any_temperature=True))
    ask(principal, warm)
    ask(principal, warm)

    assert len(provider.calls) == 3


def test_a_tenant_may_have_no_cache(principal: Principal, provider: FaultProvider) -> None:
    gateway_row_save(row=ModelRules(tenant_id=principal.tenant_id, response_cache_seconds=0))
    ask(principal)
    ask(principal)

    assert len(provider.calls) == 2


def test_an_answer_that_was_cut_short_is_not_kept(principal: Principal, provider: FaultProvider) -> None:
    provider.will(Fault(finish_reason="length"))
    ask(principal)
    reply, _ = ask(principal)

    assert reply.hit is None
    assert len(provider.calls) == 2
