"""The parts of a model call that need neither a model nor a database."""

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from agents.llm.choosing import abilities_needed
from agents.llm.deltas import DeltaBuffer
from agents.llm.errors import ModelRateLimited, ModelRefused, ModelUnavailable
from agents.llm.estimates import prompt_tokens_estimate, text_tokens_estimate
from agents.llm.fake import FakeGateway
from agents.llm.prompts import prompt_render
from agents.llm.retry import RetryLimits
from agents.llm.stream import StreamAssembly
from agents.llm.types import ModelReply, ModelRequest, ToolCall
from shannon_project.config.catalogue import Ability, catalogue
from shannon_project.foundation.errors import ShannonError

NEVER = float("inf")


def limits(**changes: float) -> RetryLimits:
    values: dict[str, Any] = {
        "attempts": 3,
        "base_seconds": 0.5,
        "max_seconds": 30.0,
        "deadline_monotonic_seconds": NEVER,
    }
    return RetryLimits(**{**values, **changes})


def test_reply_survives_json() -> None:
    reply = ModelReply("hi", (ToolCall("c", "python", "{}"),), 3, 4, Decimal("0.000001"), "m", "p", "tool_calls", True)

    assert ModelReply.from_json(reply.as_json()) == reply
    assert ModelReply.from_json(ModelReply("x").as_json()).cost_usd is None


def test_digest_of_a_request_covers_all_that_changes_the_answer() -> None:
    request = ModelRequest(messages=[{"role": "user", "content": "x"}])

    assert set(request.as_json()) >= {
        "messages",
        "tools",
        "response_format",
        "tier",
        "temperature",
        "max_output_tokens",
    }


@pytest.mark.parametrize("text", ["hello world", "ünïcödé", "日本語のテキスト", '{"a": [1, 2, 3]}', ""])
def test_estimate_is_not_below_a_token_for_three_bytes(text: str) -> None:
    assert text_tokens_estimate(text) * 3 >= len(text.encode())


def test_estimate_counts_messages_tools_and_schema() -> None:
    bare = ModelRequest(messages=[{"role": "user", "content": "x" * 300}])
    tools = ModelRequest(messages=bare.messages, tools=[{"type": "function", "function": {"name": "python"}}])
    schema = ModelRequest(messages=bare.messages, response_format={"type": "json_schema"})

    assert 100 <= prompt_tokens_estimate(bare) < 120
    assert prompt_tokens_estimate(tools) > prompt_tokens_estimate(bare)
    assert prompt_tokens_estimate(schema) > prompt_tokens_estimate(bare)


def chunk(usage: Any = None, finish: str | None = None, **delta: Any) -> Any:
    fields = {"content": None, "tool_calls": None, **delta}
    return SimpleNamespace(
        usage=usage, model="m", choices=[SimpleNamespace(finish_reason=finish, delta=SimpleNamespace(**fields))]
    )


def part(index: int | None, own_id: str | None, name: str | None, arguments: str) -> Any:
    return SimpleNamespace(index=index, id=own_id, function=SimpleNamespace(name=name, arguments=arguments))


def test_stream_is_put_together() -> None:
    seen: list[str] = []
    assembly = StreamAssembly(seen.append)

    assembly.add(chunk(content="Hel"))
    assembly.add(chunk(content="lo"))
    assembly.add(chunk(tool_calls=[part(0, "c1", "python", '{"co')]))
    assembly.add(chunk(tool_calls=[part(1, "c2", "calculator", "{}")]))
    assembly.add(chunk(tool_calls=[part(0, None, None, 'de": 1}')], finish="tool_calls"))
    assembly.add(SimpleNamespace(choices=[], usage=SimpleNamespace(prompt_tokens=5, completion_tokens=6), model="m"))

    assert seen == ["Hel", "lo"]
    assert assembly.text == "Hello"
    assert assembly.tool_calls() == (ToolCall("c1", "python", '{"code": 1}'), ToolCall("c2", "calculator", "{}"))
    assert (assembly.usage.prompt_tokens, assembly.finish_reason) == (5, "tool_calls")


def test_pieces_of_text_arrive_whole_and_in_order() -> None:
    sent: list[str] = []
    buffer = DeltaBuffer(sent.append)

    for number in range(200):
        buffer.add(f"{number} ")
    buffer.flush()

    assert "".join(sent) == "".join(f"{number} " for number in range(200))
    assert len(sent) < 100
    assert sent[0] == "0 "


def test_pauses_grow() -> None:
    first, second = limits().pause_seconds(ModelUnavailable(), 1), limits().pause_seconds(ModelUnavailable(), 2)

    assert first is not None
    assert second is not None
    assert 0.25 <= first <= 0.5 <= second <= 1.0


def test_provider_says_when() -> None:
    assert limits().pause_seconds(ModelRateLimited(details={"retry_after_seconds": 7.0}), 1) == 7.0


@pytest.mark.parametrize(
    ("error", "attempt", "changes"),
    [
        (ModelRefused(), 1, {}),
        (ModelUnavailable(), 3, {}),
        (ModelRateLimited(details={"retry_after_seconds": 120.0}), 1, {}),
        (ModelUnavailable(), 1, {"deadline_monotonic_seconds": 0.0}),
    ],
    ids=["for good", "too often", "too long a pause", "no time left"],
)
def test_nothing_is_tried_again_when_it_is_no_use(error: ShannonError, attempt: int, changes: dict[str, float]) -> None:
    assert limits(**changes).pause_seconds(error, attempt) is None


def test_prompt_leaves_dollar_signs_of_values_alone() -> None:
    rendered = prompt_render(
        "plan", max_subtasks="3", tools="- a: costs $5", workspace_overview="$x", roles="", rule=""
    )

    assert "at most 3" in rendered
    assert "costs $5" in rendered


def test_fake_answers_its_script_and_counts() -> None:
    fake = FakeGateway(["one", ModelUnavailable()])
    request = ModelRequest(messages=[{"role": "user", "content": "echo"}])
    model = catalogue().model_for(tier="small")
    seen: list[str] = []

    first = fake.complete(request, model=model, timeout_seconds=1.0, on_delta=seen.append)
    with pytest.raises(ModelUnavailable):
        fake.complete(request, model=model, timeout_seconds=1.0)
    third = fake.complete(request, model=model, timeout_seconds=1.0)

    assert (first.text, seen, third.text, len(fake.requests)) == ("one", ["one"], "echo", 3)
    assert first.cost_usd is not None


def picture_of(characters: int) -> ModelRequest:
    url = f"data:image/png;base64,{'A' * characters}"
    parts = [{"type": "text", "text": "x" * 300}, {"type": "image_url", "image_url": {"url": url}}]
    return ModelRequest(messages=[{"role": "user", "content": parts}])


def test_estimate_of_a_picture_does_not_grow_with_its_bytes() -> None:
    small, large = prompt_tokens_estimate(picture_of(10)), prompt_tokens_estimate(picture_of(1_000_000))

    assert small == large
    assert 1_000 < large < 10_000


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({}, set()),
        ({"tools": [{"type": "function", "function": {"name": "t"}}]}, {Ability.TOOLS}),
        ({"response_format": {"type": "json_object"}}, {Ability.JSON_SCHEMA}),
        ({"messages": picture_of(10).messages}, {Ability.VISION}),
        ({"options": {"reasoning_effort": "high"}}, {Ability.REASONING}),
        ({"options": {"reasoning_effort": "none", "seed": 1}}, set()),
    ],
)
def test_what_a_call_needs_of_a_model_follows_from_what_is_asked(changes: dict[str, Any], needed: set[Ability]) -> None:
    request = replace(ModelRequest(messages=[{"role": "user", "content": "x"}]), **changes)

    assert abilities_needed(request) == needed
