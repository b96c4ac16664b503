"""Tools that need nothing outside: time, JSON, memory."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from agents.errors import ToolInputInvalid
from agents.models import Memory
from agents.services import memory_search, session_open
from agents.tools.base import Tool, ToolContext
from agents.tools.builtin.current_time import CurrentTimeTool
from agents.tools.builtin.json_query import JsonQueryTool
from agents.tools.builtin.memory_save import MemorySaveTool
from policy.types import Principal
from sandbox.services import workspace_open
from shannon_project.foundation.ids import uuid7


def ctx_of(principal: Principal) -> ToolContext:
    session = session_open(principal=principal, session_id=None)
    return ToolContext(tenant_id=principal.tenant_id, session_id=session.id, task_id=uuid7(), timeout_seconds=60.0)


def output_of(tool: Tool, ctx: ToolContext, **arguments: Any) -> Any:
    return tool.execute(ctx, arguments).output


def test_the_time_is_told_in_a_zone(principal: Principal) -> None:
    output = output_of(CurrentTimeTool(), ctx_of(principal), time_zone="Asia/Tokyo")
    utc, local = datetime.fromisoformat(output["utc"]), datetime.fromisoformat(output["local"])
    assert utc == local
    assert local.utcoffset() is not None
    assert local.utcoffset() != utc.utcoffset()
    assert abs((datetime.now(UTC) - utc).total_seconds()) < 60


@pytest.mark.parametrize("name", ["Nowhere/Town", "../../etc/passwd", "", "/etc/localtime"])
def test_a_zone_that_is_none_is_said(principal: Principal, name: str) -> None:
    with pytest.raises(ToolInputInvalid):
        CurrentTimeTool().execute(ctx_of(principal), {"time_zone": name})


def test_values_are_taken_out_of_a_file_and_of_text(principal: Principal) -> None:
    ctx = ctx_of(principal)
    people = [{"name": "Ada", "age": 36}, {"name": "Bo", "age": 7}]
    workspace_open(tenant_id=ctx.tenant_id, session_id=ctx.session_id).write("p.json", json.dumps(people).encode())
    assert output_of(JsonQueryTool(), ctx, expression="[?age > `30`].name", path="p.json") == {"result": ["Ada"]}
    assert output_of(JsonQueryTool(), ctx, expression="a.b", text='{"a": {"b": null}}') == {"result": None}


@pytest.mark.parametrize(
    "arguments",
    [
        {"expression": "[", "text": "{}"},
        {"expression": "nope(@)", "text": "{}"},
        {"expression": "a", "text": "{"},
        {"expression": "a", "text": "[" * 100_000},
    ],
)
def test_a_query_that_cannot_be_used_is_said(principal: Principal, arguments: dict[str, str]) -> None:
    with pytest.raises(ToolInputInvalid):
        JsonQueryTool().execute(ctx_of(principal), arguments)


def test_what_is_saved_is_found_by_the_tenant_alone_and_once(principal: Principal, stranger: Principal) -> None:
    ctx = ctx_of(principal)
    for _ in range(2):
        saved = output_of(MemorySaveTool(), ctx, about="the door code", content="The code of the back door is 4711.")
        assert saved == {"saved": True}
    assert Memory.objects.filter(tenant_id=principal.tenant_id).count() == 1
    (hit,) = memory_search(tenant_id=principal.tenant_id, query="back door code")
    assert "4711" in hit.content
    assert memory_search(tenant_id=stranger.tenant_id, query="back door code") == []
