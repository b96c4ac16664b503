"""The offline model says the same whether litellm asks it or we do; an upgrade of litellm that changes it fails."""

from typing import Any

import pytest
from pytest_django.fixtures import Settings

from agents.llm import gateway
from agents.llm.credentials import ENVIRONMENT
from agents.llm.errors import ModelTimeout
from agents.llm.gateway import LitellmGateway
from agents.llm.offline.short_way import OfflineScribe
from agents.llm.parameters import parameters_of
from agents.llm.timeouts import CallTimeouts
from agents.llm.types import ModelReply, ModelRequest
from shannon_project.config.catalogue import CatalogueModel, catalogue

CALCULATOR = {
    "type": "function",
    "function": {
        "name": "calculator",
        "description": "Calculates.",
        "parameters": {"type": "object", "properties": {"expression": {"type": "string"}}, "required": ["expression"]},
    },
}
SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
FORM = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}
CALL = {"id": "c1", "type": "function", "function": {"name": "calculator", "arguments": '{"expression": "2 + 2"}'}}
REQUESTS: dict[str, dict[str, Any]] = {
    "a question": {"messages": [{"role": "user", "content": "Who are you?"}]},
    "other words in the same form": {"messages": [{"role": "user", "content": "What is Ünïcode, and 😀?"}]},
    "an answer that is cut": {"messages": [{"role": "user", "content": "Who are you?"}], "max_output_tokens": 5},
    "tools": {"messages": [{"role": "user", "content": "What is 12 * 12?"}], "tools": [CALCULATOR]},
    "a form": {"messages": [{"role": "user", "content": "hello"}], "response_format": FORM},
    "a conversation": {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What is 2 + 2?"},
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": '{"ok": true, "output": {"value": 4}}'},
        ],
        "tools": [CALCULATOR],
    },
}


@pytest.fixture
def model() -> CatalogueModel:
    return catalogue().models["offline/small"]


def _asked(model: CatalogueModel, asked: dict[str, Any], *, is_streamed: bool) -> tuple[ModelReply, str]:
    said: list[str] = []
    request = ModelRequest(**{"max_output_tokens": 1_000, **asked})
    on_delta = said.append if is_streamed else None
    return LitellmGateway().complete(request, model=model, timeout_seconds=30.0, on_delta=on_delta), "".join(said)


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", REQUESTS)
def test_both_ways_say_the_same(
    name: str, is_streamed: bool, model: CatalogueModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = [_asked(model, REQUESTS[name], is_streamed=is_streamed) for _ in range(2)]  # written by litellm, remembered
    monkeypatch.setattr(gateway, "_by_offline", lambda _: None)
    by_litellm = _asked(model, REQUESTS[name], is_streamed=is_streamed)

    assert twice == [by_litellm, by_litellm]
    assert not by_litellm[0].usage_estimated
    assert by_litellm[0].text == by_litellm[1] or not is_streamed


def test_litellm_makes_no_call_once_it_has_written_one_of_the_form(
    model: CatalogueModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    _asked(model, REQUESTS["a question"], is_streamed=True)
    monkeypatch.setattr(gateway._offline, "_completion", None)

    assert _asked(model, REQUESTS["other words in the same form"], is_streamed=True)[0].text


def test_a_picture_is_left_to_litellm(model: CatalogueModel) -> None:
    content = [{"type": "text", "text": "what is this?"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    request = ModelRequest(messages=({"role": "user", "content": content},), max_output_tokens=10)
    parameters = parameters_of(request, model, ENVIRONMENT, CallTimeouts.whole(1.0))

    assert OfflineScribe(lambda **_: pytest.fail("it is asked")).request(parameters) is None


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
def test_who_waits_longer_than_a_call_may_take_is_told_so(
    is_streamed: bool, model: CatalogueModel, settings: Settings
) -> None:
    settings.SHANNON_OFFLINE_LATENCY_SECONDS = 3_600.0
    request = ModelRequest(messages=({"role": "user", "content": "hello"},), max_output_tokens=10)
    on_delta = (lambda _: None) if is_streamed else None

    with pytest.raises(ModelTimeout) as late:
        LitellmGateway().complete(request, model=model, timeout_seconds=0.01, on_delta=on_delta)

    assert late.value.details["waited_for"] == "the whole answer"
    assert late.value.used is not None
