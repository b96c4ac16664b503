"""A gateway that answers by a script, and what a step has spent."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import Settings

from agents.llm.base import _gateway_of, gateway_in_use
from agents.llm.errors import ModelAnswerInvalid, ModelUnavailable, ModelUsage
from agents.llm.fake import FakeGateway
from agents.llm.types import ModelReply, ModelRequest, ToolCall
from policy.models import Budget
from policy.selectors import budget_states
from policy.services import budget_limit
from policy.types import BudgetState

REQUEST = ModelRequest(messages=[{"role": "user", "content": "What is 6 times 7?"}], max_output_tokens=100)
REPLY = ModelReply("42", (ToolCall("c", "python", "{}"),), 20, 10, Decimal("0.00003"), "offline/medium", "offline")


@pytest.fixture
def gateway(settings: Settings) -> Iterator[FakeGateway]:
    """The gateway in use, a fake."""
    settings.SHANNON_MODEL_GATEWAY = "agents.llm.fake.FakeGateway"
    settings.SHANNON_MODEL_RETRY_BASE_SECONDS = 0.001
    _gateway_of.cache_clear()
    fake = gateway_in_use()
    assert isinstance(fake, FakeGateway)
    yield fake
    _gateway_of.cache_clear()


def will_say(gateway: FakeGateway, *items: Any) -> None:
    gateway._script = iter(items)


def spent(ctx: Any) -> BudgetState:
    return budget_states(tenant_id=ctx.principal.tenant_id, refs=ctx.budgets)[0]


def broken_off(error: ModelAnswerInvalid | ModelUnavailable) -> ModelAnswerInvalid | ModelUnavailable:
    error.used = ModelUsage(15, 4, Decimal("0.00001"))
    return error


def billed(prompt_tokens: int, completion_tokens: int) -> ModelAnswerInvalid:
    error = ModelAnswerInvalid()
    error.used = ModelUsage(prompt_tokens, completion_tokens, None)
    return error


def limited(ctx: Any, tokens: int) -> Budget:
    ref = ctx.budgets[0]
    budget = Budget.objects.get(scope=ref.scope, scope_id=ref.scope_id)
    budget_limit(budget=budget, limit_tokens=tokens, limit_usd=None)
    return budget
