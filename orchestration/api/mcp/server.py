"""The protocol's server: which tools and resources there are, and what becomes of calls. Loads `mcp`."""

import asyncio
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    TextContent,
)

from orchestration.api.mcp import resources, task_tools, tools
from orchestration.api.mcp.mount import PRINCIPAL
from policy.types import Principal
from shannon_project.foundation.errors import ShannonError

_INSTRUCTIONS = (
    "Agents do work here that may be trusted: submit_task hands a request to the platform and gives its answer; the "
    "other tools are those that its agents use. Everything is authorised, paid and recorded in your tenant's name."
)

Context = ServerRequestContext[Any, Any]


def _principal(ctx: Context) -> Principal:
    """Return who asks, as the mount has found out."""
    request: Any = ctx.request  # a request of starlette: this transport has no other
    principal: Principal = request.scope[PRINCIPAL]
    return principal


async def _list_tools(ctx: Context, _params: PaginatedRequestParams | None) -> ListToolsResult:
    principal = _principal(ctx)
    return ListToolsResult(tools=[*task_tools.tools_for(principal), *await tools.tools_for(principal)])


async def _call_tool(ctx: Context, params: CallToolRequestParams) -> CallToolResult:
    """Call a tool; what goes wrong is told to the model, as the protocol wants it."""
    principal, arguments = _principal(ctx), params.arguments or {}
    try:
        if task_tools.is_one(params.name):
            return await task_tools.call(principal, params.name, arguments, ctx.session.report_progress)
        return await tools.call(principal, params.name, arguments)
    except ShannonError as error:
        return CallToolResult(
            content=[TextContent(text=f"{error.code}: {error.message}")],
            structured_content={"error": error.as_json()},
            is_error=True,
        )


async def _list_resources(ctx: Context, _params: PaginatedRequestParams | None) -> ListResourcesResult:
    return ListResourcesResult(resources=await resources.recent(_principal(ctx)))


async def _list_templates(_ctx: Context, _params: PaginatedRequestParams | None) -> ListResourceTemplatesResult:
    return ListResourceTemplatesResult(resource_templates=resources.TEMPLATES)


async def _read_resource(ctx: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
    try:
        return ReadResourceResult(contents=[await resources.read(_principal(ctx), str(params.uri))])
    except ShannonError as error:
        raise MCPError(INVALID_PARAMS, f"{error.code}: {error.message}") from error


class McpServerApp:
    """An ASGI application; its task group lives as long as the event loop that serves the first request.

    Every request stands alone (no sessions of the protocol), so any web process may answer it.
    """

    def __init__(self) -> None:
        """Make the server; nothing runs yet."""
        server = Server(
            "shannon",
            instructions=_INSTRUCTIONS,
            on_list_tools=_list_tools,
            on_call_tool=_call_tool,
            on_list_resources=_list_resources,
            on_list_resource_templates=_list_templates,
            on_read_resource=_read_resource,
        )
        self._manager = StreamableHTTPSessionManager(server, stateless=True)
        self._ready: asyncio.Event | None = None
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request whose key has been checked."""
        if self._ready is None:
            self._ready = asyncio.Event()
            self._running = asyncio.create_task(self._run(self._ready), name="mcp-server")
        await self._ready.wait()
        await self._manager.handle_request(scope, receive, send)

    async def _run(self, ready: asyncio.Event) -> None:
        async with self._manager.run():
            ready.set()
            await asyncio.Event().wait()  # until the loop ends and cancels this
