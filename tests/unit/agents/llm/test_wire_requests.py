"""What is sent by the short way is what litellm itself sends; an upgrade of litellm that writes another fails here."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from agents.llm import gateway
from agents.llm.credentials import ENVIRONMENT
from agents.llm.parameters import parameters_of
from agents.llm.timeouts import CallTimeouts
from agents.llm.types import ModelRequest
from agents.llm.unlogged import call_unlogged
from agents.llm.wire import Scribe, WireRequest
from agents.llm.wire.examples import form_name
from shannon_project.config.catalogue import Ability, CatalogueModel
from tests.provider import FaultProvider, fault_provider

TIMES = CallTimeouts.whole(60.0)
HELLO: dict[str, Any] = {"messages": [{"role": "user", "content": "hello"}]}
TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
FORM = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True}}
STREAMED = {"stream": True, "stream_options": {"include_usage": True}}
REQUESTS: dict[str, dict[str, Any]] = {
    "a question": HELLO,
    "options": {**HELLO, "options": {"top_p": 0.5, "stop": ["x"], "seed": 7, "user": "ada", "logit_bias": {"1": 2}}},
    "tools": {**HELLO, "tools": [TOOL], "options": {"tool_choice": "auto", "parallel_tool_calls": False}},
    "a form": {**HELLO, "response_format": FORM},
    "a conversation": {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "1 + 1"},
            {"role": "assistant", "content": "", "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "2"},
        ],
        "tools": [TOOL],
    },
    "a picture": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "what is this?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                ],
            }
        ]
    },
}


@pytest.fixture(scope="module")
def server() -> Iterator[FaultProvider]:
    with fault_provider() as running:
        yield running


@pytest.fixture
def scribe() -> Scribe:
    library = gateway._litellm()
    return Scribe(library, call_unlogged(library, "completion"))


def parameters(request: ModelRequest, api_base: str, **more: Any) -> dict[str, Any]:
    model = CatalogueModel.compatible("m", api_base).model_copy(update={"abilities": tuple(Ability)})
    return parameters_of(request, model, ENVIRONMENT, TIMES) | more


@pytest.mark.parametrize("streamed", [{}, STREAMED], ids=["whole", "streamed"])
@pytest.mark.parametrize("asked", REQUESTS.values(), ids=REQUESTS.keys())
def test_it_is_what_litellm_sends(
    server: FaultProvider, scribe: Scribe, asked: dict[str, Any], streamed: dict[str, Any]
) -> None:
    server.forget()
    asks = parameters(ModelRequest(**asked, idempotency_key="step:1"), server.base_url, **streamed)
    answer = gateway._completion(**asks)
    if streamed:
        list(answer)
    for _ in range(2):  # written by litellm, and after the example of the first
        written = scribe.request(asks)
        assert written is not None
        httpx.post(written.url, json=written.body, headers=written.headers)

    theirs, first, second = server.calls
    assert first.body == second.body == theirs.body
    assert first.key == second.key == theirs.key
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"] == theirs.headers["idempotency-key"]


def test_only_words_may_differ_from_an_example() -> None:
    alike: dict[str, Any] = {"messages": [{"role": "user", "content": "other words"}, *HELLO["messages"]]}
    others: list[dict[str, Any]] = [
        {**HELLO, "max_output_tokens": 5},
        {**HELLO, "tools": [TOOL]},
        {"messages": [{"role": "developer", "content": "hello"}]},
        {"messages": [{"role": "user", "content": "hello", "name": "ada"}]},
        {"messages": [{"role": "user", "content": None}]},
    ]

    assert _name(alike) == _name(HELLO)
    assert len({_name(asked) for asked in [HELLO, *others]}) == 1 + len(others)
    assert _name(REQUESTS["a picture"]) is None, "litellm looks into pictures each time"


def _name(asked: dict[str, Any]) -> bytes | None:
    asks = parameters(ModelRequest(**asked), "http://127.0.0.1:9/v1")
    return form_name(asks, asks["messages"])


@pytest.mark.parametrize(
    "asked",
    [
        {"model": "anthropic/claude-sonnet-4-5", "messages": HELLO["messages"], "api_key": "k"},
        {"model": "openai/o1-pro", "messages": HELLO["messages"], "api_key": "k"},
        {"model": "openai/gpt-5.4", "messages": HELLO["messages"], "tools": [TOOL], "api_key": "k"},
        {"model": "openai/responses/some-model", "messages": HELLO["messages"], "api_key": "k"},
        {"model": "openai/gpt-5-mini", "messages": HELLO["messages"]},
    ],
    ids=["another provider", "the other protocol", "tools of a reasoning model", "asked so", "no key"],
)
def test_what_litellm_asks_in_another_way_is_left_to_it(
    scribe: Scribe, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any]
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(scribe, "_completion", lambda **_: pytest.fail("nothing may be sent"))

    assert scribe.request(asked) is None


def test_behind_a_proxy_of_the_environment_litellm_asks_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    library = gateway._litellm()

    behind = Scribe(library, call_unlogged(library, "completion"))

    assert behind.request(parameters(ModelRequest(**HELLO), "http://127.0.0.1:9/v1")) is None


def test_a_key_is_never_shown() -> None:
    assert "sk-secret" not in repr(WireRequest("http://x", {"Authorization": "Bearer sk-secret"}, {}))
