"""The official client of the Model Context Protocol. The only file that imports it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar, cast

import httpx2
from mcp import Client, MCPError, StdioServerParameters
from mcp.client import IncomingMessage
from mcp.client.session import MessageHandlerFnT
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, RequestParamsMeta, ToolAnnotations, ToolListChangedNotification
from mcp_types import Tool as OfferedTool
from pydantic import ValidationError

from agents.errors import McpServerFailed
from agents.tools.mcp.base import CallResult, Endpoint, McpConnector, StdioCommand, ToolRecord
from agents.tools.mcp.records import NAME_MAX_CHARACTERS, json_plain, record_of
from shannon_project.foundation.errors import ShannonError
from shannon_project.foundation.outbound import guarded_client

T = TypeVar("T")
Talk = Callable[[Client], Coroutine[Any, Any, T]]

IDEMPOTENCY_META = "idempotencyKey"
_FAILURES = (MCPError, httpx2.HTTPError, ValidationError, OSError, ValueError)


class SdkConnector(McpConnector):
    """Talks by the package `mcp`, through the guard for outgoing requests; a new connection for each question."""

    def tools(self, name: str, endpoint: Endpoint, *, timeout_seconds: float, limit: int) -> list[ToolRecord]:
        """See `McpConnector.tools`."""

        async def talk(client: Client) -> list[ToolRecord]:
            found: list[ToolRecord] = []
            cursor: str | None = None
            while len(found) < limit:
                page = await client.list_tools(cursor=cursor)
                found += [_record(tool) for tool in page.tools if len(tool.name) <= NAME_MAX_CHARACTERS]
                cursor = page.next_cursor
                if not cursor:
                    break
            return found[:limit]

        return _with_server(name, endpoint, talk, timeout_seconds=timeout_seconds)

    def call(
        self,
        name: str,
        endpoint: Endpoint,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        timeout_seconds: float,
        idempotency_key: str,
        on_tools_changed: Callable[[], None],
    ) -> CallResult:
        """See `McpConnector.call`."""
        changes: list[ToolListChangedNotification] = []

        async def hear(message: IncomingMessage) -> None:
            if isinstance(message, ToolListChangedNotification):
                changes.append(message)

        async def talk(client: Client) -> CallToolResult:
            meta = cast("RequestParamsMeta", {IDEMPOTENCY_META: idempotency_key}) if idempotency_key else None
            client.session.validate_tool_result = _taken_as_it_is  # type: ignore[method-assign]
            return await client.call_tool(tool, dict(arguments), meta=meta)

        result = _with_server(name, endpoint, talk, timeout_seconds=timeout_seconds, hear=hear)
        if changes:
            on_tools_changed()
        return CallResult(
            text="\n".join(_text_of(block) for block in result.content),
            structured=json_plain(result.structured_content),
            is_error=bool(result.is_error),
        )


async def _taken_as_it_is(name: str, result: CallToolResult) -> None:
    """Check no result against the server's output schema: `McpTool` does, without what may take for ever.

    The library would ask for the list of tools after each call, compare by the regular expressions of a stranger, and
    raise an error of programs for a server that is wrong.
    """


def _with_server(
    name: str, endpoint: Endpoint, talk: Talk[T], *, timeout_seconds: float, hear: MessageHandlerFnT | None = None
) -> T:
    """Connect, talk, and disconnect, all within the time."""

    async def run() -> T:
        async with asyncio.timeout(timeout_seconds), _client(endpoint, timeout_seconds, hear) as client:
            return await talk(client)

    try:
        return asyncio.run(run())
    except Exception as error:
        cause = _cause(error)
        if isinstance(cause, ShannonError):
            raise cause from error
        if isinstance(cause, TimeoutError | httpx2.TimeoutException):
            raise McpServerFailed(f"The MCP server {name} did not answer within {timeout_seconds:g} s.") from error
        if isinstance(cause, _FAILURES):
            raise McpServerFailed(f"The MCP server {name} failed: {str(cause)[:300]}") from error
        raise


def _cause(error: BaseException) -> BaseException:
    """Return the first error inside groups: task groups of the library wrap whatever happens in them."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@asynccontextmanager
async def _client(endpoint: Endpoint, timeout_seconds: float, hear: MessageHandlerFnT | None) -> AsyncIterator[Client]:
    if isinstance(endpoint, StdioCommand):
        parameters = StdioServerParameters(command=endpoint.command, args=list(endpoint.args), env=dict(endpoint.env))
        client = Client(parameters, read_timeout_seconds=timeout_seconds, cache=None, message_handler=hear)
        async with client:
            yield client
        return
    async with guarded_client(timeout_seconds=timeout_seconds, headers=endpoint.headers, is_plain=True) as http:
        transport: AbstractAsyncContextManager[Any] = streamable_http_client(endpoint.url, http_client=http)
        client = Client(transport, read_timeout_seconds=timeout_seconds, cache=None, message_handler=hear)
        async with client:
            yield client


def _record(tool: OfferedTool) -> ToolRecord:
    hints = tool.annotations or ToolAnnotations()
    return record_of(
        tool.name,
        tool.description or "",
        tool.input_schema,
        returns=tool.output_schema,
        read_only=hints.read_only_hint,
        destructive=hints.destructive_hint,
        idempotent=hints.idempotent_hint,
    )


def _text_of(block: Any) -> str:
    """Return a content block as text; what is none (an image, a sound, a link) is described."""
    if block.type == "text":
        return str(block.text)
    resource = getattr(block, "resource", block)
    if hasattr(resource, "text"):
        return str(resource.text)
    size = len(getattr(resource, "data", "") or getattr(resource, "blob", ""))
    parts = [block.type, getattr(resource, "mime_type", None) or "data", str(getattr(resource, "uri", "") or "")]
    return f"[{' '.join(part for part in parts if part)}{f', {size} characters of base64' if size else ''}]"
