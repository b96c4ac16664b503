"""The MCP tools of each tenant, from its rows and from the servers that the operator lets workers start."""

import time
from collections.abc import Mapping
from functools import cache, partial
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings

from agents.errors import McpServerFailed
from agents.models import McpServer
from agents.tools.base import Tool
from agents.tools.mcp.base import StdioCommand, ToolRecord
from agents.tools.mcp.servers import endpoint_of, mcp_server_outdated, tools_discover
from agents.tools.mcp.tool import McpTool
from agents.tools.mcp.trust import is_trusted
from agents.tools.registry import tenant_tools_forget
from agents.tools.sources.base import ToolSource
from shannon_project.foundation.encryption import SecretUnreadable

log = structlog.get_logger(__name__)

_AGAIN_SECONDS: Final = 60.0
_FAILED_UNTIL: dict[tuple[str, str, tuple[str, ...]], float] = {}  # operator's servers that are left alone for a moment


class McpSource(ToolSource):
    """Tools of the tenant's active servers, and of the operator's own."""

    def tools(self, tenant_id: UUID) -> Mapping[str, Tool]:
        """See `ToolSource.tools`. A server whose credentials cannot be read any more offers nothing."""
        tools: dict[str, Tool] = {}
        for server in McpServer.objects.filter(tenant_id=tenant_id, is_active=True).order_by("name"):
            try:
                found = _tools_of(server)
            except SecretUnreadable as error:
                log.warning("credentials_unreadable", tenant_id=str(tenant_id), server=server.name, error=error.message)
                continue
            tools.update({tool.name: tool for tool in found})
        return {**tools, **_operator_tools(str(tenant_id))}


def _tools_of(server: McpServer) -> list[McpTool]:
    endpoint = endpoint_of(server)
    return [
        McpTool(
            server=server.name,
            endpoint=endpoint,
            record=record,
            is_trusted=is_trusted(server, record),
            timeout_seconds=min(server.timeout_seconds, settings.SHANNON_MCP_TIMEOUT_SECONDS),
            on_tools_changed=partial(mcp_server_outdated, server.id),
        )
        for record in server.tools
        if not server.tools_allowed or record["name"] in server.tools_allowed
    ]


def _operator_tools(tenant_id: str) -> dict[str, Tool]:
    tools: dict[str, Tool] = {}
    for name, server in settings.SHANNON_MCP_STDIO_SERVERS.items():
        if server.get("tenants") is not None and tenant_id not in server["tenants"]:
            continue
        command = StdioCommand(server["command"], tuple(server.get("args", ())), server.get("env", {}))
        for record in _offered(name, command):
            tool = McpTool(
                server=name,
                endpoint=command,
                record=record,
                is_trusted=record["name"] in server.get("tools_trusted", ()),
                timeout_seconds=settings.SHANNON_MCP_TIMEOUT_SECONDS,
                on_tools_changed=_discovered_forget,
            )
            tools[tool.name] = tool
    return tools


def _offered(name: str, command: StdioCommand) -> tuple[ToolRecord, ...]:
    """Return what one of the operator's servers offers; one that fails offers nothing, and costs nobody its tools."""
    key = (name, command.command, command.args)
    if time.monotonic() < _FAILED_UNTIL.get(key, 0.0):
        return ()
    try:
        return _discovered(*key)
    except McpServerFailed as error:
        log.warning("mcp_server_failed", server=name, error=error.message)
        _FAILED_UNTIL[key] = time.monotonic() + _AGAIN_SECONDS
        return ()


def _discovered_forget() -> None:
    _discovered.cache_clear()
    tenant_tools_forget()


@cache
def _discovered(name: str, command: str, args: tuple[str, ...]) -> tuple[ToolRecord, ...]:
    env = settings.SHANNON_MCP_STDIO_SERVERS[name].get("env", {})
    return tuple(tools_discover(name, StdioCommand(command, args, env)))
