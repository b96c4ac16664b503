"""How a provider is asked, and what its answer is counted as."""

from dataclasses import replace

import pytest

from shannon_project.config.catalogue import CatalogueModel
from tests.integration.agents.llm.gateway.asking import GATEWAY, HELLO, provider, there
from tests.integration.agents.llm.providers import (
    Provider,
    model_there,
    streamed,
    whole,
)

__all__ = ["provider"]


def test_real_provider_is_asked_in_its_format(provider: Provider) -> None:
    provider.body = whole("Hi.")

    reply = there()

    assert (reply.text, reply.prompt_tokens, reply.completion_tokens) == ("Hi.", 11, 7)
    assert reply.cost_usd is None, "a price that nobody knows is not zero"
    assert provider.asked[0]["messages"] == HELLO.messages
    assert provider.asked[0]["max_tokens"] == HELLO.max_output_tokens


def test_provider_is_told_the_idempotency_key_of_a_call(provider: Provider) -> None:
    provider.body = whole("Hi.")
    for request in (replace(HELLO, idempotency_key="step:3"), HELLO):
        GATEWAY.complete(request, model=model_there(), timeout_seconds=10.0)
    assert provider.asked_keys == ["step:3", None]


def test_price_of_a_model_outside_the_catalogue_is_litellms() -> None:
    price = GATEWAY.price_of(CatalogueModel.outside("openai/gpt-4o-mini"))

    assert price is not None
    assert price.input_usd_per_million_tokens > 0


def test_real_stream_is_followed_and_counted(provider: Provider) -> None:
    provider.body = streamed("Hel", "lo")
    seen: list[str] = []

    reply = there(seen=seen)

    assert seen == ["Hel", "lo"]
    assert (reply.text, reply.prompt_tokens, reply.completion_tokens) == ("Hello", 11, 7)
    assert provider.asked[0]["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("is_streamed", [False, True])
def test_usage_that_is_not_reported_is_not_zero(provider: Provider, is_streamed: bool) -> None:
    provider.body = streamed("Hello there", usage=False) if is_streamed else whole("Hello there", usage=False)

    reply = there(seen=[] if is_streamed else None)

    assert reply.prompt_tokens > 0
    assert reply.completion_tokens > 0
