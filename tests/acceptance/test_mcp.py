"""The platform as an MCP server, asked by the official client."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

from tests.acceptance.conftest import Stack

pytestmark = pytest.mark.acceptance


@asynccontextmanager
async def client_of(stack: Stack, **headers: str) -> AsyncIterator[Client]:
    sent = headers or {"X-API-Key": stack.api_key}
    async with httpx2.AsyncClient(headers=sent, timeout=60) as http:
        transport: Any = streamable_http_client(f"{stack.base_url}/mcp", http_client=http)
        async with Client(transport, cache=None, read_timeout_seconds=60) as client:
            yield client


async def test_tools_are_listed_with_their_schemas_and_called(stack: Stack) -> None:
    async with client_of(stack, Authorization=f"Bearer {stack.api_key}") as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert {"submit_task", "get_task", "cancel_task", "judge_answer", "calculator", "python"} <= set(tools)
        assert tools["calculator"].input_schema["required"] == ["expression"]
        assert [name for name, tool in tools.items() if tool.output_schema is None] == []
        result = await client.call_tool("calculator", {"expression": "17 * 23"})
    assert (result.is_error, result.structured_content) == (False, {"result": 391, "text": "391"})


async def test_a_task_is_answered_with_its_progress(stack: Stack) -> None:
    told: list[tuple[float, str | None]] = []

    async def report(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, message))

    async with client_of(stack) as client:
        result = await client.call_tool("submit_task", {"query": "What is 6 * 7?"}, progress_callback=report)
        answer = result.structured_content
        assert (result.is_error, answer["status"]) == (False, "COMPLETED")
        assert "42" in answer["result"]
        again = await client.call_tool("get_task", {"task_id": answer["task_id"]})
        assert again.structured_content == answer
        said = {"task_id": answer["task_id"], "rating": "good", "comment": "as it should be"}
        judged = await client.call_tool("judge_answer", said)
        assert judged.structured_content["feedback"] == {"score": 1.0, "count": 1}
        found = (await client.call_tool("search_memory", {"query": "What is 6 * 7?", "limit": 20})).structured_content
        (own,) = (one for one in found["memories"] if one["task_id"] == answer["task_id"])
        assert (own["rating"], own["comment"]) == ("good", "as it should be")
        resource = (await client.read_resource(f"shannon://tasks/{answer['task_id']}")).contents[0]
        assert "42" in resource.text  # type: ignore[union-attr] # a task is text
        listed = {str(one.uri) for one in (await client.list_resources()).resources}
        assert f"shannon://tasks/{answer['task_id']}" in listed
    numbers = [done for done, _ in told]
    assert len(numbers) > 3
    assert numbers == sorted(set(numbers))


async def test_a_file_and_a_conversation_are_resources(stack: Stack) -> None:
    session = f"mcp-{uuid4().hex}"
    async with httpx2.AsyncClient(base_url=stack.base_url, headers={"X-API-Key": stack.api_key}) as http:
        (await http.put(f"/api/v1/sessions/{session}/files/notes/a.txt", content=b"hello")).raise_for_status()
    async with client_of(stack) as client:
        templates = {one.uri_template for one in (await client.list_resource_templates()).resource_templates}
        assert "shannon://sessions/{session_id}/files/{path}" in templates
        contents = (await client.read_resource(f"shannon://sessions/{session}/files/notes/a.txt")).contents
        assert contents[0].text == "hello"  # type: ignore[union-attr] # the file is text
        history = (await client.read_resource(f"shannon://sessions/{session}/history")).contents
        assert history[0].mime_type == "application/json"
        for uri in (f"shannon://sessions/{session}/files/../x", "shannon://tasks/nonsense", "shannon://other"):
            with pytest.raises(MCPError):
                await client.read_resource(uri)


async def test_what_is_saved_by_a_tool_is_found_by_tools_and_read_as_a_resource(stack: Stack) -> None:
    fact = f"the harbour of Lisbon has {uuid4().int % 1_000_000} cranes"
    async with client_of(stack) as client:
        saved = await client.call_tool("memory_save", {"about": "harbour of Lisbon, cranes", "content": fact})
        assert (saved.is_error, saved.structured_content) == (False, {"saved": True})
        for name in ("memory_search", "search_memory"):
            found = await client.call_tool(name, {"query": "harbour of Lisbon cranes", "limit": 20})
            assert any(fact in one["content"] for one in found.structured_content["memories"]), name
        templates = {one.uri_template for one in (await client.list_resource_templates()).resource_templates}
        assert {"shannon://memories/{memory_id}", "shannon://memory/files/{path}"} <= templates
        listed = [one for one in (await client.list_resources()).resources if fact in (one.description or "")]
        contents = (await client.read_resource(str(listed[0].uri))).contents
    assert fact in contents[0].text  # type: ignore[union-attr] # a memory is text


async def test_what_is_wrong_is_told_to_the_model(stack: Stack) -> None:
    async with client_of(stack) as client:
        for name, arguments, code in (
            ("nope", {}, "TOOL_NOT_FOUND"),
            ("calculator", {"formula": "1"}, "TOOL_INPUT_INVALID"),
            ("calculator", {"expression": "1 / 0"}, "TOOL_INPUT_INVALID"),
            ("submit_task", {"query": ""}, "INVALID_INPUT"),
            ("submit_task", {"query": "x", "colour": 1}, "INVALID_INPUT"),
            ("get_task", {"task_id": str(uuid4())}, "TASK_NOT_FOUND"),
        ):
            result = await client.call_tool(name, arguments)
            assert result.is_error
            assert code in result.content[0].text  # type: ignore[union-attr] # errors are text


@pytest.mark.parametrize("headers", [{"X-API-Key": "sk_wrong"}, {"Authorization": "Basic eA=="}, {"X-Nothing": "1"}])
async def test_nobody_is_served_without_a_key(stack: Stack, headers: dict[str, str]) -> None:
    async with httpx2.AsyncClient(headers=headers) as http:
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        response = await http.post(f"{stack.base_url}/mcp", json=body)
    assert response.status_code == 401
    assert response.json()["error"]["code"] in {"API_KEY_MISSING", "API_KEY_INVALID"}
    assert response.headers["www-authenticate"] == "Bearer"


async def test_another_host_is_not_served(stack: Stack) -> None:
    async with httpx2.AsyncClient(headers={"X-API-Key": stack.api_key, "Host": "evil.example"}) as http:
        response = await http.post(f"{stack.base_url}/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
    assert (response.status_code, response.json()["error"]["code"]) == (400, "HOST_NOT_ALLOWED")
