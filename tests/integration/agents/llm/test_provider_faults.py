"""Every fault of a provider through real HTTP, the short way and through litellm: typed, in time, and accounted for."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from types import SimpleNamespace

import pytest
from pytest_django import Settings

from agents.llm import gateway
from agents.llm.credentials import Credential
from agents.llm.errors import (
    ModelAnswerInvalid,
    ModelAnswerTooLong,
    ModelFailure,
    ModelRateLimited,
    ModelRefused,
    ModelTimeout,
    ModelUnavailable,
)
from agents.llm.gateway import LitellmGateway
from agents.llm.types import ModelReply, ModelRequest
from agents.llm.wire import Scribe
from shannon_project.config.catalogue import CatalogueModel, ModelPrice, catalogue
from shannon_project.foundation.encryption import secret_encrypt
from tests.provider import Fault, FaultProvider, fault_provider

GATEWAY = LitellmGateway()
HELLO = ModelRequest(messages=[{"role": "user", "content": "hello there"}], max_output_tokens=64)
PRICE = ModelPrice(input_usd_per_million_tokens=Decimal(1), output_usd_per_million_tokens=Decimal(2))
STREAMED = pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])


@pytest.fixture(scope="module")
def server() -> Iterator[FaultProvider]:
    """The provider, for all tests of this file."""
    with fault_provider() as running:
        yield running


@pytest.fixture
def provider(server: FaultProvider) -> FaultProvider:
    """The provider, with nothing told and nothing asked."""
    server.forget()
    return server


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


@STREAMED
def test_429_says_when_to_come_back(provider: FaultProvider, is_streamed: bool) -> None:
    provider.will(Fault(status=429, retry_after="3"))

    with pytest.raises(ModelRateLimited) as caught:
        ask(provider, seen=seen_if(is_streamed))

    assert caught.value.details["retry_after_seconds"] == 3.0
    assert caught.value.used is None
    assert len(provider.calls) == 1, "nobody tries again behind our back"


@STREAMED
@pytest.mark.parametrize("status", [429, 503])
def test_a_date_says_too_when_to_come_back(provider: FaultProvider, status: int, is_streamed: bool) -> None:
    later = datetime.now(UTC) + timedelta(seconds=600)
    provider.will(Fault(status=status, retry_after=format_datetime(later, usegmt=True)))

    with pytest.raises((ModelRateLimited, ModelUnavailable)) as caught:
        ask(provider, seen=seen_if(is_streamed))

    assert 500 < caught.value.details["retry_after_seconds"] <= 600


@pytest.mark.parametrize("said", ["soon", "-5", "nan", ""])
def test_a_time_to_come_back_that_is_none_is_not_told(provider: FaultProvider, said: str) -> None:
    provider.will(Fault(status=429, retry_after=said))

    with pytest.raises(ModelRateLimited) as caught:
        ask(provider, seen=None)

    assert "retry_after_seconds" not in caught.value.details


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


@STREAMED
@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_broken_provider_is_unavailable(provider: FaultProvider, status: int, is_streamed: bool) -> None:
    provider.will(Fault(status=status))

    with pytest.raises(ModelUnavailable) as caught:
        ask(provider, seen=seen_if(is_streamed))

    assert caught.value.details["provider_status"] == status
    assert len(provider.calls) == 1


def test_a_slow_first_token_is_left_before_the_whole_time_is_over(provider: FaultProvider, settings: Settings) -> None:
    settings.SHANNON_MODEL_FIRST_TOKEN_TIMEOUT_SECONDS = 2.0
    provider.will(Fault(first_token_seconds=20.0))
    started = time.monotonic()

    with pytest.raises(ModelTimeout) as caught:
        ask(provider, seen=[], timeout_seconds=15.0)

    assert caught.value.details["waited_for"] == "the first token"
    assert time.monotonic() - started < 10.0, "not the whole 15 s"
    used = caught.value.used
    assert used is not None, "the provider read the question, and may bill it"
    assert used.is_estimate
    assert (used.prompt_tokens > 0, used.completion_tokens) == (True, 0)
    assert used.cost_usd is not None


def test_what_a_model_may_have_thought_before_its_first_word_is_charged(
    provider: FaultProvider, settings: Settings
) -> None:
    settings.SHANNON_MODEL_FIRST_TOKEN_TIMEOUT_SECONDS = 2.0
    provider.will(Fault(first_token_seconds=20.0))

    with pytest.raises(ModelTimeout) as caught:
        ask(provider, seen=[], request=replace(HELLO, options={"reasoning_effort": "high"}))

    used = caught.value.used
    assert used is not None
    assert used.is_estimate
    assert 0 < used.completion_tokens <= HELLO.max_output_tokens


@contextmanager
def deaf_server() -> Iterator[str]:
    """An address at which connections are neither taken nor refused: its queue is full."""
    with socket.socket() as listening, ExitStack() as waiting:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"


@STREAMED
def test_a_server_that_takes_no_connection_is_left_before_the_whole_time_is_over(
    settings: Settings, is_streamed: bool
) -> None:
    settings.SHANNON_MODEL_CONNECT_TIMEOUT_SECONDS = 0.5
    with deaf_server() as base_url, pytest.raises(ModelUnavailable) as caught:
        GATEWAY.complete(
            HELLO,
            model=CatalogueModel.compatible("m", base_url),
            timeout_seconds=45.0,
            on_delta=(lambda _: None) if is_streamed else None,
        )

    assert caught.value.details.get("waited_for") in {None, "the connection"}
    assert caught.value.retryable
    assert caught.value.used is None, "nobody was asked anything"


def test_a_first_token_that_is_slow_and_in_time_is_waited_for(provider: FaultProvider) -> None:
    provider.will(Fault(first_token_seconds=0.3))

    assert ask(provider, seen=[]).text == "You said: hello there"


def test_a_stall_in_the_middle_is_left_and_what_came_is_charged(provider: FaultProvider, settings: Settings) -> None:
    settings.SHANNON_MODEL_BETWEEN_TOKENS_TIMEOUT_SECONDS = 0.3
    provider.will(Fault(stall_after_chunks=2))
    seen: list[str] = []

    with pytest.raises(ModelTimeout) as caught:
        ask(provider, seen=seen, timeout_seconds=15.0)

    assert caught.value.details["waited_for"] == "the next token"
    assert "You said: hello there".startswith("".join(seen))
    assert len(seen) == 2
    used = caught.value.used
    assert used is not None
    assert used.is_estimate
    assert used.completion_tokens > 0
    assert used.cost_usd is not None


def test_a_whole_answer_that_stalls_times_out(provider: FaultProvider) -> None:
    provider.will(Fault(stall_after_chunks=0))

    with pytest.raises(ModelTimeout) as caught:
        ask(provider, seen=None, timeout_seconds=2.0)

    used = caught.value.used
    assert used is not None, "what it wrote meanwhile may be billed, and nobody sees how much that is"
    assert used.is_estimate
    assert used.prompt_tokens > 0
    assert 0 < used.completion_tokens <= HELLO.max_output_tokens
    assert used.cost_usd is not None


def test_a_connection_that_is_reset_in_the_middle_is_a_failure_with_its_cost(provider: FaultProvider) -> None:
    provider.will(Fault(cut_after_chunks=2))
    seen: list[str] = []

    with pytest.raises(ModelUnavailable) as caught:
        ask(provider, seen=seen)

    assert seen, "some text came"
    assert caught.value.used is not None
    assert caught.value.used.is_estimate
    assert caught.value.retryable


def test_a_whole_answer_that_is_cut_is_a_failure(provider: FaultProvider) -> None:
    provider.will(Fault(cut_after_chunks=0))

    with pytest.raises(ModelUnavailable) as caught:
        ask(provider, seen=None)

    if isinstance(gateway._scribe, Scribe):  # litellm does not tell it from a server that takes no connection
        used = caught.value.used
        assert used is not None
        assert (used.is_estimate, used.prompt_tokens > 0) == (True, True)


@STREAMED
def test_an_answer_that_is_no_json_is_a_typed_failure(provider: FaultProvider, is_streamed: bool) -> None:
    body = "data: {this is no json\n\n" if is_streamed else "<html>gateway error</html>"
    provider.will(Fault(body=body))

    with pytest.raises((ModelAnswerInvalid, ModelUnavailable)) as caught:
        ask(provider, seen=seen_if(is_streamed))

    assert caught.value.retryable


@STREAMED
@pytest.mark.parametrize(
    "usage",
    [
        {},
        {"prompt_tokens": -5, "completion_tokens": 7, "total_tokens": 2},
        {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        {"prompt_tokens": 10**12, "completion_tokens": 7, "total_tokens": 10**12},
        {"prompt_tokens": 0, "completion_tokens": 7, "total_tokens": 7},
        {"prompt_tokens": 9, "completion_tokens": 0, "total_tokens": 9},
    ],
    ids=["none", "negative", "zero", "absurd", "nothing read", "nothing written"],
)
def test_usage_that_cannot_be_true_is_estimated_and_marked(
    provider: FaultProvider, usage: dict[str, int], is_streamed: bool
) -> None:
    provider.will(Fault(usage=usage))

    reply = ask(provider, seen=seen_if(is_streamed))

    assert reply.usage_estimated
    assert 0 < reply.prompt_tokens < 1_000
    assert 0 < reply.completion_tokens < 1_000
    assert reply.cost_usd is not None
    assert 0 < reply.cost_usd < 1


@STREAMED
def test_what_a_model_thought_before_it_broke_off_is_charged(provider: FaultProvider, is_streamed: bool) -> None:
    provider.will(Fault(reasoning="hm " * 300, usage={}, cut_after_chunks=2 if is_streamed else None))

    if is_streamed:
        with pytest.raises(ModelUnavailable) as caught:
            ask(provider, seen=[])
        used = caught.value.used
        assert used is not None
        assert used.is_estimate
        assert used.completion_tokens > 100
    else:
        assert ask(provider, seen=None).completion_tokens > 300


def test_thoughts_without_an_end_are_cut_off(provider: FaultProvider, settings: Settings) -> None:
    settings.SHANNON_MODEL_ANSWER_MAX_CHARACTERS = 10_000
    provider.will(Fault(reasoning="hm " * 100_000, chunks=1_000))

    with pytest.raises(ModelAnswerTooLong):
        ask(provider, seen=[])


@STREAMED
def test_an_answer_without_choices_is_a_typed_failure(provider: FaultProvider, is_streamed: bool) -> None:
    provider.will(Fault(empty_choices=True))

    with pytest.raises(ModelFailure) as caught:
        ask(provider, seen=seen_if(is_streamed))

    assert caught.value.retryable


@STREAMED
def test_a_giant_answer_is_cut_off_and_charged(provider: FaultProvider, is_streamed: bool, settings: Settings) -> None:
    settings.SHANNON_MODEL_ANSWER_MAX_CHARACTERS = 10_000
    provider.will(Fault(giant_characters=1_000_000, chunks=1_000))
    seen = seen_if(is_streamed)

    with pytest.raises(ModelAnswerTooLong, match="10,000") as caught:
        ask(provider, seen=seen)

    assert seen is None or len("".join(seen)) <= 11_000, "the stream is left where it grew too long"
    assert caught.value.used is not None
    assert caught.value.used.completion_tokens > 0


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


def test_what_a_server_says_of_an_error_in_the_middle_of_a_stream_is_a_failure(provider: FaultProvider) -> None:
    provider.will(Fault(body='data: {"error": {"message": "out of memory", "code": 503}}\n\n'))

    with pytest.raises(ModelUnavailable):
        ask(provider, seen=[])
