"""A provider with faults through real HTTP, the short way and through litellm."""

from collections.abc import Iterator
from decimal import Decimal
from types import SimpleNamespace

import pytest

from agents.llm import gateway
from agents.llm.gateway import LitellmGateway
from agents.llm.types import ModelReply, ModelRequest
from shannon_project.config.catalogue import CatalogueModel, ModelPrice
from tests.provider import FaultProvider, fault_provider

GATEWAY = LitellmGateway()
HELLO = ModelRequest(messages=[{"role": "user", "content": "hello there"}], max_output_tokens=64)
PRICE = ModelPrice(input_usd_per_million_tokens=Decimal(1), output_usd_per_million_tokens=Decimal(2))
STREAMED = pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])


@pytest.fixture
def provider() -> Iterator[FaultProvider]:
    """The provider, for one test: a call that an earlier one gave up may come to its server late."""
    with fault_provider() as running:
        yield running


@pytest.fixture(params=["the short way", "through litellm"], autouse=True)
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Providers of other protocols are asked through litellm; their failures are the same."""
    gateway._litellm()
    if request.param == "through litellm":
        monkeypatch.setattr(gateway, "_scribe", SimpleNamespace(request=lambda _: None))


def ask(
    provider: FaultProvider, *, seen: list[str] | None, timeout_seconds: float = 10.0, request: ModelRequest = HELLO
) -> ModelReply:
    model = CatalogueModel.compatible("m", provider.base_url).model_copy(update={"price": PRICE})
    on_delta = None if seen is None else seen.append
    return GATEWAY.complete(request, model=model, timeout_seconds=timeout_seconds, on_delta=on_delta)


def seen_if(is_streamed: bool) -> list[str] | None:
    return [] if is_streamed else None
