"""A provider on loopback, and the rows that make it a tenant's."""

from decimal import Decimal
from typing import Any

import pytest
from pytest_django import Settings

from agents.llm.administration import gateway_row_save
from agents.llm.types import ModelRequest
from agents.models import ModelOverride, TierOverride
from policy.types import Principal
from tests.provider import FaultProvider

REQUEST = ModelRequest(messages=[{"role": "user", "content": "hello there"}], max_output_tokens=50)


@pytest.fixture
def provider(server: FaultProvider, settings: Settings) -> FaultProvider:
    """The provider, with nothing told; rules are looked at each time."""
    server.forget()
    settings.SHANNON_POLICY_RECHECK_SECONDS = 0.0
    settings.SHANNON_MODEL_RETRY_BASE_SECONDS = 0.001
    settings.SHANNON_MODEL_ATTEMPTS = 1
    return server


def add(principal: Principal | None, provider: FaultProvider, name: str, **values: Any) -> ModelOverride:
    row = ModelOverride(
        tenant_id=principal.tenant_id if principal else None,
        name=name,
        litellm_name=f"openai/{name}",
        provider="near",
        api_base=provider.base_url,
        input_usd=Decimal(1),
        output_usd=Decimal(2),
        abilities=["tools", "json_schema", "streaming"],
        **values,
    )
    gateway_row_save(row=row)
    return row


def tier(principal: Principal, *candidates: str, name: str = "medium", **values: Any) -> None:
    gateway_row_save(row=TierOverride(tenant_id=principal.tenant_id, tier=name, candidates=list(candidates), **values))
