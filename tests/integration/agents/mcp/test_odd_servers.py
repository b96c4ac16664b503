"""Servers that say what no server should, and what is kept of it."""

import json
import math
from collections.abc import Mapping
from typing import Any

import pytest

from agents.models import McpServer
from agents.services import McpServerChanges, mcp_server_create
from agents.tools.mcp.records import schema_kept
from agents.tools.registry import tool_infos
from agents.tools.validation import schema_problem
from agents.types import ToolResult
from policy.types import Principal
from tests.integration.agents.mcp.servers import site_that_says
from tests.integration.agents.mcp.test_client import call

ANSWER = {"content": [{"type": "text", "text": "fine"}]}


def registered(principal: Principal, url: str, settings: Any) -> McpServer:
    settings.SHANNON_HTTP_ENDPOINTS_ALLOWED = url.split("/")[2]
    return mcp_server_create(principal=principal, name="odd", changes=McpServerChanges(url=url))


def tool(name: str = "odd", schema: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    shown = {"name": name, "description": "It is odd.", "annotations": {"readOnlyHint": True}}
    return {**shown, "inputSchema": {"type": "object"} if schema is None else dict(schema), **more}


SCHEMAS: dict[str, dict[str, Any]] = {
    "a type that is none": {"type": "object", "properties": {"a": {"type": "int"}}},
    "a multiple of nothing": {"type": "object", "properties": {"a": {"multipleOf": 0}}},
    "a length that is a text": {"type": "object", "properties": {"a": {"minLength": "x"}}},
    "a reference elsewhere": {"type": "object", "properties": {"a": {"$ref": "https://evil.example/x"}}},
    "a reference to nothing": {"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}},
    "an anchor": {"type": "object", "$dynamicRef": "#x"},
    "a NUL": {"type": "object", "description": "\0", "properties": {"a": {}}},
    "no number": {"type": "object", "properties": {"a": {"default": math.nan}}},
    "words of draft 4": {"type": "object", "properties": {"a": {"minimum": 0, "exclusiveMinimum": True}}},
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_tool_with_a_schema_that_cannot_be_used_is_usable(principal: Principal, settings: Any, name: str) -> None:
    with site_that_says([tool(schema=SCHEMAS[name])], ANSWER) as url:
        server = registered(principal, url, settings)
        assert server.discovery_error == ""
        assert not schema_problem(server.tools[0]["parameters"])
        assert call(principal, "mcp__odd__odd", a=3).output == {"text": "fine"}


def test_names_and_descriptions_are_kept_as_they_can_be(principal: Principal, settings: Any) -> None:
    offered = [tool("a\0b", description="c\0d"), tool("n" * 5_000), tool("plain", description="")]
    with site_that_says(offered, ANSWER) as url:
        server = registered(principal, url, settings)
    assert [(one["name"], one["description"]) for one in server.tools] == [("a\ufffdb", "c\ufffdd"), ("plain", "plain")]


def test_an_answer_with_what_json_has_not_is_an_answer(principal: Principal, settings: Any) -> None:
    answer = {**ANSWER, "structuredContent": {"a": math.nan, "b": "x\0y"}}
    with site_that_says([tool()], answer) as url:
        registered(principal, url, settings)
        assert call(principal, "mcp__odd__odd").output == {"a": None, "b": "x\ufffdy"}


def test_patterns_of_a_foreign_schema_are_left_out_and_a_huge_one_says_only_object() -> None:
    hostile = {
        "type": "object",
        "additionalProperties": False,
        "patternProperties": {"^(a+)+$": {}},
        "properties": {"pattern": {"type": "string", "pattern": "^(a+)+$"}, "list": {"anyOf": [{"pattern": "x"}]}},
    }
    assert schema_kept(hostile) == {  # whatever the patterns took is taken
        "type": "object",
        "properties": {"pattern": {"type": "string"}, "list": {"anyOf": [{}]}},
    }
    assert schema_kept({"description": "x" * 20_000}) == {"type": "object"}


def test_a_schema_that_refers_to_itself_stays() -> None:
    tree = {
        "type": "object",
        "properties": {"next": {"$ref": "#"}, "v": {"$ref": "#/$defs/a~1b"}, "c": {"$ref": "#/anyOf/0"}},
        "$defs": {"a/b": {"type": "integer"}},
        "anyOf": [{}],
    }
    assert schema_kept(tree) == tree
    assert schema_kept({"properties": {}}) == {"type": "object", "properties": {}}


SUM = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]}


def answered(principal: Principal, settings: Any, returns: Mapping[str, Any], answer: dict[str, Any]) -> ToolResult:
    with site_that_says([tool(outputSchema=dict(returns))], answer) as url:
        registered(principal, url, settings)
        return call(principal, "mcp__odd__odd")


def test_what_a_tool_gives_back_is_kept_and_told(principal: Principal, settings: Any) -> None:
    result = answered(principal, settings, SUM, {**ANSWER, "structuredContent": {"sum": 3}})
    assert result.output == {"sum": 3}
    (info,) = [one for one in tool_infos(tenant_id=principal.tenant_id) if one.name == "mcp__odd__odd"]
    assert info.returns == SUM


@pytest.mark.parametrize("structured", [{"sum": "three"}, {}, None], ids=str)
def test_an_answer_that_is_not_what_its_server_says_is_an_error_that_shows_it(
    principal: Principal, settings: Any, structured: Any
) -> None:
    more = {} if structured is None else {"structuredContent": structured}
    error = answered(principal, settings, SUM, {**ANSWER, **more}).error
    assert error is not None
    assert (error.code, error.final) == ("TOOL_OUTPUT_INVALID", False)
    assert "The call was made" in error.message
    assert error.details["output"] == json.dumps(structured or ({"text": "fine"} if structured is None else structured))


@pytest.mark.parametrize(
    "returns",
    [
        {"type": "object", "properties": {"a": {"type": "int"}}},
        {"type": "object", "properties": {"a": {"$ref": "https://evil.example/x"}}},
        {"type": "object", "description": "x" * 20_000},
    ],
    ids=["no type", "elsewhere", "huge"],
)
def test_of_a_schema_that_cannot_be_used_nothing_is_kept(
    principal: Principal, settings: Any, returns: dict[str, Any]
) -> None:
    assert answered(principal, settings, returns, {**ANSWER, "structuredContent": {"a": 1}}).output == {"a": 1}
    assert McpServer.objects.get().tools[0]["returns"] == {}


def test_a_pattern_that_takes_for_ever_is_not_compared_with_an_answer(principal: Principal, settings: Any) -> None:
    returns = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}
    hostile = {**ANSWER, "structuredContent": {"a": "a" * 60 + "!"}}
    assert answered(principal, settings, returns, hostile).output == {"a": "a" * 60 + "!"}


def test_a_tool_that_is_called_is_not_listed_again(principal: Principal, settings: Any) -> None:
    asked: list[str] = []
    with site_that_says([tool(outputSchema=SUM)], {**ANSWER, "structuredContent": {"sum": 3}}, asked=asked) as url:
        registered(principal, url, settings)
        asked.clear()
        assert call(principal, "mcp__odd__odd").ok
    assert "tools/call" in asked
    assert "tools/list" not in asked
