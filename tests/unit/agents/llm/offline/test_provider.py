"""The offline provider behaves as a provider does: deterministic, counted, cut at its limit, in the asked form."""

import json
import time
from typing import Any

import pytest
from jsonschema import validate
from pytest_django.fixtures import Settings

from agents.llm.offline.provider import OfflineAnswer, OfflineProvider
from tests.unit.agents.llm.offline.agents import definition


def ask(text: str, **parameters: Any) -> OfflineAnswer:
    return OfflineProvider().answer(messages=[{"role": "user", "content": text}], parameters=parameters)


def test_same_request_has_the_same_answer_ids_and_tokens() -> None:
    tools = [definition("calculator")]

    assert ask("What is 2+3?", tools=tools) == ask("What is 2+3?", tools=tools)
    assert ask("What is 2+3?", tools=tools).tool_calls[0]["id"] != ask("What is 2+4?", tools=tools).tool_calls[0]["id"]


def test_answer_is_cut_at_the_token_limit() -> None:
    answer = ask("hello", max_tokens=5)

    assert answer.finish_reason == "length"
    assert answer.completion_tokens <= 5


def test_pieces_of_the_stream_make_the_text() -> None:
    answer = ask("hello")

    pieces = list(answer.deltas())
    assert "".join(delta["content"] for delta, _ in pieces) == answer.text
    assert len(pieces) > 5
    assert [reason for _, reason in pieces if reason] == ["stop"]


def test_calls_are_streamed_with_their_place() -> None:
    answer = ask("What is 2+3 and 4*5?", tools=[definition("calculator")])

    places = [delta["tool_calls"][0]["index"] for delta, _ in answer.deltas()]
    assert places == [0, 1]
    assert answer.finish_reason == "tool_calls"


def test_unknown_schema_is_filled_with_the_least_that_fits() -> None:
    schema = {
        "type": "object",
        "properties": {
            "score": {"type": "number", "minimum": 1},
            "kind": {"enum": ["a", "b"]},
            "notes": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            "inner": {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]},
        },
        "required": ["score", "kind", "notes", "inner"],
        "additionalProperties": False,
    }

    answer = ask(
        "Rate this", response_format={"type": "json_schema", "json_schema": {"name": "rating", "schema": schema}}
    )

    value = json.loads(answer.text)
    validate(value, schema)
    assert "[offline model]" in value["notes"][0]


def test_json_object_is_answered_in_json() -> None:
    assert "answer" in json.loads(ask("hello", response_format={"type": "json_object"}).text)


def test_latency_is_a_setting(settings: Settings) -> None:
    settings.SHANNON_OFFLINE_LATENCY_SECONDS = 0.05
    started = time.monotonic()

    ask("hello")

    assert time.monotonic() - started >= 0.05


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\x00",
        "😀" * 500,
        "(" * 2000,
        "1+" * 3000,
        "a, " * 3000,
        "9" * 5000,
        "1 " * 5000,
        "- " * 5000,
        "then " * 2000,
        "compare a and b " * 600,
        "run code " * 1100,
        "how many " * 1100,
        "A? " * 3000,
        "1. " * 3000,
        "my name is " * 900,
        "which what who " * 600,
        "<result " * 1200,
    ],
)
def test_strange_requests_are_answered_soon(text: str) -> None:
    started = time.monotonic()

    ask(text, tools=[definition("calculator"), definition("python")])

    assert time.monotonic() - started < 20  # one that is quadratic takes minutes
