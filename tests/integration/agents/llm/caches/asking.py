"""A provider whose answers are cached, and who asks it."""

from decimal import Decimal
from typing import Any

import pytest
from pytest_django import Settings

from agents.journal import Journal
from agents.llm.administration import gateway_row_save
from agents.llm.calls import model_call
from agents.llm.types import ModelReply, ModelRequest
from agents.models import ModelOverride, TierOverride
from policy.types import Principal
from tests.integration.agents.steps import step_of
from tests.provider import FaultProvider

REQUEST = ModelRequest(messages=[{"role": "user", "content": "hello there"}], max_output_tokens=50)


@pytest.fixture
def provider(server: FaultProvider, settings: Settings, principal: Principal, stranger: Principal) -> FaultProvider:
    """The provider, which serves everybody's medium; answers are cached for a minute."""
    server.forget()
    settings.SHANNON_POLICY_RECHECK_SECONDS = 0.0
    settings.SHANNON_MODEL_CACHE_SECONDS = 60
    model = ModelOverride(name="m1", litellm_name="openai/m1", provider="near", api_base=server.base_url)
    model.input_usd, model.output_usd, model.abilities = Decimal(1), Decimal(2), ["tools", "streaming"]
    gateway_row_save(row=model)
    gateway_row_save(row=TierOverride(tier="medium", candidates=["m1"]))
    return server


def ask(who: Principal, request: ModelRequest = REQUEST) -> tuple[ModelReply, Any]:
    ctx = step_of(who)
    return model_call(ctx, Journal(ctx), request), ctx
