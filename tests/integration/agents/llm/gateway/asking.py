"""The gateway through the real litellm: the offline provider, and one on loopback that fails as it is told to."""

from collections.abc import Iterator

import pytest

from agents.llm.gateway import LitellmGateway
from agents.llm.types import ModelReply, ModelRequest
from shannon_project.config.catalogue import catalogue
from tests.integration.agents.llm.providers import (
    Provider,
    model_there,
    provider_on_loopback,
)

GATEWAY = LitellmGateway()
HELLO = ModelRequest(messages=[{"role": "user", "content": "hello"}])


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A provider that litellm takes for OpenAI."""
    with provider_on_loopback() as running:
        monkeypatch.setenv("OPENAI_API_BASE", f"http://127.0.0.1:{running.port}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-nobody")
        yield running


def offline(request: ModelRequest, seen: list[str] | None = None) -> ModelReply:
    model = catalogue().models["offline/medium"]
    on_delta = None if seen is None else seen.append
    return GATEWAY.complete(request, model=model, timeout_seconds=30.0, on_delta=on_delta)


def there(*, timeout_seconds: float = 10.0, seen: list[str] | None = None) -> ModelReply:
    on_delta = None if seen is None else seen.append
    return GATEWAY.complete(HELLO, model=model_there(), timeout_seconds=timeout_seconds, on_delta=on_delta)
