"""The tools as they are described."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest
from jsonschema import Draft202012Validator

from agents.errors import ToolInputInvalid, ToolNotFound
from agents.tools.arguments import arguments_check, arguments_from
from agents.tools.base import Tool, ToolContext, ToolOutput
from agents.tools.registry import tool_definitions, tool_for, tool_infos
from policy.services import registry_told

TENANT = uuid4()
BUILTIN = [
    "ask_human",
    "browser",
    "calculator",
    "code",
    "current_time",
    "file_delete",
    "file_diff",
    "file_edit",
    "file_list",
    "file_read",
    "file_search",
    "file_write",
    "http_fetch",
    "javascript",
    "json_query",
    "memory_save",
    "memory_search",
    "output_read",
    "python",
    "skill_read",
    "skill_run",
    "table_query",
    "table_statistics",
    "wasm_run",
    "web_search",
]


@pytest.fixture(autouse=True)
def _no_sources(settings: Any) -> None:
    settings.SHANNON_TOOL_SOURCES = []
    settings.SHANNON_REGISTRY_RECHECK_SECONDS = 3600.0
    registry_told(TENANT, 0)  # or it would be asked for


def test_the_built_in_tools_are_there_by_name() -> None:
    assert [info.name for info in tool_infos(tenant_id=TENANT)] == BUILTIN


@pytest.mark.parametrize("name", BUILTIN)
def test_every_tool_is_described_alike(name: str) -> None:
    info = tool_for(name, tenant_id=TENANT).info()
    assert re.fullmatch(r"[a-z0-9_]{1,64}", info.name)
    assert len(info.description) > 30
    Draft202012Validator.check_schema(dict(info.parameters))
    Draft202012Validator.check_schema(dict(info.returns))
    assert info.returns["required"]
    assert info.category in {"compute", "files", "memory", "people", "skills", "web"}
    assert info.timeout_seconds > 0
    assert info.dangerous is (name == "browser")  # it can send forms
    Draft202012Validator.check_schema(dict(info.parameters))
    assert info.parameters["additionalProperties"] is False


def test_a_definition_has_the_openai_format() -> None:
    definition = tool_definitions(["calculator"], tenant_id=TENANT)[0]
    assert definition["type"] == "function"
    assert definition["function"]["name"] == "calculator"
    assert definition["function"]["parameters"]["required"] == ["expression"]


def test_an_unknown_tool_is_named_with_those_that_exist() -> None:
    with pytest.raises(ToolNotFound) as caught:
        tool_for("nope", tenant_id=TENANT)
    assert caught.value.details["tools"] == BUILTIN


@pytest.mark.parametrize("text", ["{", "[1]", '"x"', "null", '{"a": NaN}', "[" * 100_000])
def test_arguments_that_are_no_json_object_are_refused(text: str) -> None:
    with pytest.raises(ToolInputInvalid):
        arguments_from(text)


@pytest.mark.parametrize("text", ['{"x": 1e400}', '{"x": [-1e999]}', '{"x": ' + "[" * 64 + "]" * 64 + "}"])
def test_arguments_that_cannot_be_kept_are_refused(text: str) -> None:
    with pytest.raises(ToolInputInvalid):
        arguments_from(text)


@pytest.mark.parametrize("levels", [1500, 20_000])
def test_deep_arguments_are_refused_however_deep(levels: int) -> None:
    with pytest.raises(ToolInputInvalid):
        arguments_from('{"x": ' + '{"a": [' * levels + "1" + "]}" * levels + "}")


def test_arguments_may_be_nested_and_large_within_reason() -> None:
    text = '{"x": ' + "[" * 63 + "1.5e300" + "]" * 63 + "}"
    assert arguments_from(text)["x"]


def test_absent_arguments_are_an_empty_object() -> None:
    assert arguments_from("") == {}


@pytest.mark.parametrize(
    ("arguments", "path"),
    [({}, "arguments"), ({"expression": 1}, "expression"), ({"expression": "1", "more": 1}, "arguments")],
)
def test_arguments_that_do_not_fit_are_refused_with_the_place(arguments: dict[str, object], path: str) -> None:
    with pytest.raises(ToolInputInvalid) as caught:
        arguments_check(tool_for("calculator", tenant_id=TENANT), arguments)
    assert caught.value.details["path"] == path


class Foreign(Tool):
    """A tool whose schema somebody else wrote."""

    name = "x__y"
    description = category = "foreign"

    def __init__(self, schema: dict[str, Any]) -> None:
        self.parameters = schema

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Return nothing."""
        return ToolOutput()


def test_a_foreign_schema_fetches_nothing_and_runs_no_pattern() -> None:
    slow = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}
    arguments_check(Foreign(slow), {"a": "a" * 40 + "!"})
    for schema in ({"$ref": "http://127.0.0.1:1/schema.json"}, {"$ref": "file:///etc/passwd"}, {"properties": 5}):
        with pytest.raises(ToolInputInvalid, match="cannot be used"):
            arguments_check(Foreign(schema), {"a": 1})
