"""Tool calls of all providers look alike; what is written wrongly is mended, what is cut off is not guessed."""

import json

import pytest

from agents.llm.tool_calls import normalised
from agents.llm.types import ToolCall

TOOLS = [{"type": "function", "function": {"name": "file_read", "parameters": {"type": "object"}}}]


def arguments(text: str) -> str:
    return normalised([ToolCall("a", "file_read", text)], TOOLS)[0].arguments_json


@pytest.mark.parametrize(
    "text",
    [
        '{"path": "a.txt"}',
        '```json\n{"path": "a.txt"}\n```',
        '{"path": "a.txt",}',
        "{'path': 'a.txt'}",
        '"{\\"path\\": \\"a.txt\\"}"',
        '  {"path": "a.txt"}\n',
    ],
    ids=["right", "fenced", "trailing comma", "python", "encoded twice", "blanks"],
)
def test_arguments_that_are_written_wrongly_are_mended(text: str) -> None:
    assert json.loads(arguments(text)) == {"path": "a.txt"}


def test_no_arguments_are_an_empty_object() -> None:
    assert arguments("") == "{}"


@pytest.mark.parametrize(
    "text", ['{"path": "a.tx', '{"path": ', "read a.txt", "[1, 2]", "{" * 5_000, "__import__('os')"]
)
def test_what_is_cut_off_or_no_object_stays_as_it_is_for_the_model_to_be_told(text: str) -> None:
    assert arguments(text) == text


def test_ids_differ_and_names_are_those_that_were_offered() -> None:
    calls = [
        ToolCall("x", "functions.file_read", "{}"),
        ToolCall("x", "FILE_READ", "{}"),
        ToolCall("", "file_read", "{}"),
        ToolCall("y", "ghost", "{}"),
    ]

    made = normalised(calls, TOOLS)

    assert [call.name for call in made] == ["file_read", "file_read", "file_read", "ghost"]
    assert len({call.id for call in made}) == 4
