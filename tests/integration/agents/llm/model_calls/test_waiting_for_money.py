"""A call that only what others have set aside keeps from its money waits until enough of that was given back."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from pytest_django import Settings

from agents.journal import Journal
from agents.llm.calls import model_call, patience
from agents.llm.fake import FakeGateway
from agents.models import JournalEntry
from policy.errors import BudgetExceeded
from policy.models import AuditEntry
from policy.services import budget_release, budget_reserve, budget_settle
from policy.types import Amount, Principal
from shannon_project.foundation.ids import uuid7
from tests.integration.agents.llm.model_calls.playing import REPLY, REQUEST, gateway, limited, spent, will_say
from tests.integration.agents.steps import engine_of, step_of

__all__ = ["gateway"]
pytestmark = pytest.mark.django_db

LIMIT_TOKENS = 1_000
OTHERS_TOKENS = 950


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], list[float]]:
    """Say what others do while the call waits; returns how long it waited each time."""

    def meanwhile(act: Callable[[], None]) -> list[float]:
        waited: list[float] = []

        def pause(seconds: float) -> None:
            waited.append(seconds)
            act()

        monkeypatch.setattr(patience, "pause", pause)
        return waited

    return meanwhile


def set_aside(ctx: Any, tokens: int = OTHERS_TOKENS) -> UUID:
    """Have another step set money aside in the same budgets."""
    other = uuid7()
    budget_reserve(
        tenant_id=ctx.principal.tenant_id,
        step_id=other,
        position=0,
        budgets=ctx.budgets,
        amount=Amount(tokens, Decimal(0)),
    )
    return other


def test_it_is_made_when_another_gave_back_what_it_did_not_need(
    principal: Principal, gateway: FakeGateway, pauses: Callable[[Callable[[], None]], list[float]]
) -> None:
    ctx = step_of(principal)
    limited(ctx, LIMIT_TOKENS)
    other = set_aside(ctx)
    will_say(gateway, REPLY)
    waited = pauses(lambda: budget_settle(step_id=other, position=0, actual=Amount(10, Decimal(0))))

    assert model_call(ctx, Journal(ctx), REQUEST) == REPLY

    assert len(waited) == 1
    assert 0 < waited[0] <= patience.FIRST_PAUSE_SECONDS
    assert (spent(ctx).spent_tokens, spent(ctx).reserved_tokens) == (40, 0)
    assert JournalEntry.objects.filter(step_id=ctx.step_id, kind="model").count() == 1
    assert not AuditEntry.objects.filter(rule="BUDGET_EXCEEDED").exists()
    assert [event.kind for event in engine_of(ctx).events].count("LLM_PROMPT") == 1


def test_it_is_refused_at_once_when_others_have_spent_it(
    principal: Principal, gateway: FakeGateway, pauses: Callable[[Callable[[], None]], list[float]]
) -> None:
    ctx = step_of(principal)
    limited(ctx, LIMIT_TOKENS)
    other = set_aside(ctx, 10)
    budget_settle(step_id=set_aside(ctx), position=0, actual=Amount(OTHERS_TOKENS, Decimal(0)))
    waited = pauses(lambda: budget_release(step_id=other))

    with pytest.raises(BudgetExceeded):
        model_call(ctx, Journal(ctx), REQUEST)

    assert waited == []
    assert AuditEntry.objects.filter(rule="BUDGET_EXCEEDED").count() == 1


def test_it_is_refused_when_it_is_spent_while_it_waits(
    principal: Principal, gateway: FakeGateway, pauses: Callable[[Callable[[], None]], list[float]]
) -> None:
    ctx = step_of(principal)
    limited(ctx, LIMIT_TOKENS)
    other = set_aside(ctx)
    waited = pauses(lambda: budget_settle(step_id=other, position=0, actual=Amount(OTHERS_TOKENS, Decimal(0))))

    with pytest.raises(BudgetExceeded):
        model_call(ctx, Journal(ctx), REQUEST)

    assert len(waited) == 1
    assert gateway.requests == []


def test_it_waits_no_longer_than_so_long(principal: Principal, gateway: FakeGateway, settings: Settings) -> None:
    settings.SHANNON_BUDGET_WAIT_SECONDS = 0.0
    ctx = step_of(principal)
    limited(ctx, LIMIT_TOKENS)
    set_aside(ctx)

    with pytest.raises(BudgetExceeded):
        model_call(ctx, Journal(ctx), REQUEST)

    assert gateway.requests == []
    assert spent(ctx).reserved_tokens == OTHERS_TOKENS
    assert AuditEntry.objects.filter(rule="BUDGET_EXCEEDED").count() == 1
