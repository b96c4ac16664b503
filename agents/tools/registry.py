"""Which tools there are: the built-in ones, and those that a tenant has registered."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from agents.errors import ToolNotFound
from agents.tenant_rows.cache import TenantCache
from agents.tools.base import Tool
from agents.tools.sources.base import SEPARATOR, ToolSource
from agents.types import ToolInfo


def tool_for(name: str, *, tenant_id: UUID) -> Tool:
    """Return the tool of this name. A built-in one costs no query.

    Raises:
        ToolNotFound: The tenant has none (the caller's fault); `details.tools` names those that exist.
    """
    tool = _builtin().get(name)
    if tool is None and is_tenant_tool(name):
        tool = _TENANT_TOOLS.find(tenant_id, lambda own: own.get(name))
    if tool is None:
        names = sorted({**_builtin(), **_TENANT_TOOLS.of(tenant_id)})
        raise ToolNotFound(f"There is no tool {name[:100]!r}; there are {', '.join(names)}.", details={"tools": names})
    return tool


def is_tenant_tool(name: str) -> bool:
    """Tell whether a name is that of a tool that a tenant registered, which may change at any time."""
    return SEPARATOR in name


def tells_of_tenant(name: str, *, tenant_id: UUID) -> bool:
    """Tell whether what models are told of a tool depends on what the tenant has registered, as it is now."""
    tool = _builtin().get(name)
    return tool is None or tool.told(tenant_id) != tool.description


def tool_infos(*, tenant_id: UUID) -> list[ToolInfo]:
    """Return what may be known of every tool of a tenant, by name."""
    tools = {**_builtin(), **_TENANT_TOOLS.of(tenant_id)}
    return [tool.info() for _, tool in sorted(tools.items())]


def builtin_tool_infos() -> list[ToolInfo]:
    """Return what may be known of the tools that every tenant has, by name."""
    return [tool.info() for _, tool in sorted(_builtin().items())]


def tool_definitions(names: Iterable[str], *, tenant_id: UUID) -> list[dict[str, Any]]:
    """Return tools as a model is told of them, in the OpenAI format.

    Raises:
        ToolNotFound: One of the names is no tool's (the caller's fault).
    """
    return [_definition(tool_for(name, tenant_id=tenant_id), tenant_id) for name in names]


def tools_known(names: Iterable[str], *, tenant_id: UUID) -> tuple[str, ...]:
    """Return those of some names that there is a tool for: a role may outlive what it names."""
    names = tuple(names)
    registered = {name for name in names if name not in _builtin() and is_tenant_tool(name)}
    if registered and not _TENANT_TOOLS.find(tenant_id, registered.issubset):
        registered &= _TENANT_TOOLS.of(tenant_id).keys()
    return tuple(name for name in names if name in _builtin() or name in registered)


def tenant_tools_forget() -> None:
    """Look anew at the tools of all tenants: what the operator gives to them has changed."""
    _TENANT_TOOLS.forget()


def _definition(tool: Tool, tenant_id: UUID) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.told(tenant_id), "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}


@cache
def _builtin() -> Mapping[str, Tool]:
    tools: list[Tool] = [import_string(dotted_path)() for dotted_path in settings.SHANNON_TOOLS]
    return {tool.name: tool for tool in tools}


@cache
def _sources(dotted_paths: tuple[str, ...]) -> tuple[ToolSource, ...]:
    return tuple(import_string(dotted_path)() for dotted_path in dotted_paths)


def _tools_of(tenant_id: UUID) -> Mapping[str, Tool]:
    sources = _sources(tuple(settings.SHANNON_TOOL_SOURCES))
    return {name: tool for source in sources for name, tool in source.tools(tenant_id).items()}


_TENANT_TOOLS: TenantCache[Tool] = TenantCache(_tools_of)
