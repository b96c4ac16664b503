"""What the platform's own MCP server says that its tools give back."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from agents.selectors import arguments_problem, builtin_tool_infos
from orchestration.api.mcp import task_tools
from orchestration.api.mcp.tools import _offered, _output_schema
from policy.types import SCOPES, Principal
from shannon_project.foundation.ids import uuid7

CUT = {"truncated": True, "bytes": 100_000, "text": "a… …z"}


@pytest.mark.parametrize("info", builtin_tool_infos(), ids=lambda info: info.name)
def test_every_built_in_tool_states_its_output(info: Any) -> None:
    schema = _offered(info).output_schema
    assert schema is not None
    Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object", "older clients take nothing else"
    assert arguments_problem(schema, CUT) == "", "an output that had to be cut is one too"
    assert arguments_problem(schema, {"nothing": "of it"})


def test_what_is_no_object_stands_in_one() -> None:
    schema = _output_schema({"type": "array", "items": {"type": "integer"}})
    assert schema is not None
    assert arguments_problem(schema, {"output": [1]}) == ""
    assert arguments_problem(schema, {"output": ["x"]})


@pytest.mark.parametrize(
    "returns",
    [
        {},
        {"properties": {"a": {}}},
        {"type": ["object", "null"]},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": {}}},
    ],
    ids=["nothing", "no type", "two types", "references"],
)
def test_what_cannot_be_said_is_not_said(returns: dict[str, Any]) -> None:
    assert _output_schema(returns) is None


def test_the_tools_of_tasks_state_theirs() -> None:
    everybody = Principal(uuid7(), "key:a", "a", frozenset(SCOPES))
    tools = task_tools.tools_for(everybody)
    assert len(tools) == 5
    for tool in tools:
        assert tool.output_schema is not None
        Draft202012Validator.check_schema(tool.output_schema)
