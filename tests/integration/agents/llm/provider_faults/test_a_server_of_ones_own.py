"""A server that speaks OpenAI's protocol: how it is asked, with which key, and over how many connections."""

import threading
from decimal import Decimal

import pytest
from pytest_django import Settings

from agents.llm.credentials import Credential
from agents.llm.errors import (
    ModelRefused,
)
from shannon_project.config.catalogue import CatalogueModel, catalogue
from shannon_project.foundation.encryption import secret_encrypt
from tests.integration.agents.llm.provider_faults.asking import (
    GATEWAY,
    HELLO,
    PRICE,
    STREAMED,
    _way,
    ask,
    provider,
    seen_if,
)
from tests.provider import Fault, FaultProvider

__all__ = ["_way", "provider"]


@STREAMED
def test_a_server_of_ones_own_answers_and_is_accounted(provider: FaultProvider, is_streamed: bool) -> None:
    seen = seen_if(is_streamed)

    reply = ask(provider, seen=seen)

    assert reply.text == "You said: hello there"
    assert seen is None or ("".join(seen) == reply.text and len(seen) > 1)
    assert not reply.usage_estimated
    assert reply.cost_usd == PRICE.cost_usd(
        prompt_tokens=reply.prompt_tokens, completion_tokens=reply.completion_tokens
    )
    assert reply.provider == "openai-compatible"


def test_two_settings_make_any_compatible_server_the_model(provider: FaultProvider, settings: Settings) -> None:
    settings.SHANNON_MODEL = "Qwen/Qwen3-8B"
    settings.SHANNON_MODEL_API_BASE = provider.base_url
    model = catalogue().model_for(tier="medium")

    reply = GATEWAY.complete(HELLO, model=model, timeout_seconds=10.0)

    assert (reply.model, reply.cost_usd) == ("Qwen/Qwen3-8B", None)
    assert provider.calls[0].model == "Qwen/Qwen3-8B", "the server is asked by the name that it knows"


def test_keys_of_the_environment_never_go_to_a_server_of_ones_own(
    provider: FaultProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")

    ask(provider, seen=None)

    assert provider.calls[0].key == "none"


def test_a_credential_is_the_key_that_is_sent(provider: FaultProvider) -> None:
    model = CatalogueModel.compatible("m", provider.base_url)
    credential = Credential("k1", secret_encrypt("sk-first"))

    GATEWAY.complete(HELLO, model=model, timeout_seconds=10.0, credential=credential)

    assert provider.calls[0].key == "sk-first"
    assert credential.sealed is not None
    assert credential.sealed not in repr(credential)


@pytest.mark.parametrize("where", ["row", "environment"])
def test_a_key_that_looks_like_none_is_not_logged_when_a_provider_repeats_it(
    provider: FaultProvider, where: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    key = "Zq8vT1mX4bN7cW2k"
    monkeypatch.setenv("NEAR_API_KEY", key if where == "environment" else "")
    credential = Credential("k1", secret_encrypt(key) if where == "row" else secret_encrypt("another-key"))
    provider.will(Fault(status=401, message=f"who is {key}?"))
    model = CatalogueModel.compatible("m", provider.base_url)

    with pytest.raises(ModelRefused):
        GATEWAY.complete(HELLO, model=model, timeout_seconds=10.0, credential=credential)

    assert "who is [redacted]?" in caplog.text
    assert key not in caplog.text


def test_cache_tokens_are_paid_at_their_own_price(provider: FaultProvider) -> None:
    provider.will(
        Fault(
            usage={
                "prompt_tokens": 1_000,
                "completion_tokens": 10,
                "total_tokens": 1_010,
                "prompt_tokens_details": {"cached_tokens": 800},
            }
        )
    )
    price = PRICE.model_copy(update={"cache_read_usd_per_million_tokens": Decimal("0.1")})
    model = CatalogueModel.compatible("m", provider.base_url).model_copy(update={"price": price})

    reply = GATEWAY.complete(HELLO, model=model, timeout_seconds=10.0)

    assert (reply.prompt_tokens, reply.cache_read_tokens) == (1_000, 800)
    assert reply.cost_usd == (Decimal(200) + Decimal(80) + Decimal(20)) / 1_000_000


def test_connections_are_kept_from_call_to_call_however_much_time_is_left(provider: FaultProvider) -> None:
    for timeout_seconds in (59.9, 43.2, 31.5):
        ask(provider, seen=None, timeout_seconds=timeout_seconds)

    assert len({call.peer for call in provider.calls}) == 1


def test_calls_are_counted_and_so_are_those_at_once(provider: FaultProvider) -> None:
    provider.will(Fault(times=3, first_token_seconds=0.3))
    threads = [threading.Thread(target=ask, args=(provider,), kwargs={"seen": None}) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(provider.calls_of("m")) == 3
    assert provider.most_at_once >= 2


def test_shipped_prices_are_those_of_litellms_list() -> None:
    for model in catalogue().models.values():
        if model.provider == "offline":
            continue
        listed = GATEWAY.price_of(model.model_copy(update={"price": None}))
        assert listed == model.price, model.name


def test_a_server_that_does_not_take_a_parameter_is_asked_without_it(provider: FaultProvider) -> None:
    provider.will(Fault(status=422, message="max_tokens is not a valid parameter"))

    assert ask(provider, seen=None).text == "You said: hello there"
    assert len(provider.calls) <= 3, "once the short way, and as litellm asks such servers"
