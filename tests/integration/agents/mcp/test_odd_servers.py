"""Servers that say what no server should, and what is kept of it."""

import math
from collections.abc import Mapping
from typing import Any

import pytest

from agents.models import McpServer
from agents.services import McpServerChanges, mcp_server_create
from agents.tools.arguments import schema_problem
from agents.tools.mcp.records import schema_kept
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
    assert schema_kept(hostile) == {
        "type": "object",
        "additionalProperties": False,
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
