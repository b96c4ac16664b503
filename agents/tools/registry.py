"""Which tools there are."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from agents.errors import ToolNotFound
from agents.tools.base import Tool
from agents.types import ToolInfo


def tool_for(name: str) -> Tool:
    """Return the tool of this name.

    Raises:
        ToolNotFound: There is none (the caller's fault); `details.tools` names those that exist.
    """
    tool = _tools().get(name)
    if tool is None:
        names = sorted(_tools())
        raise ToolNotFound(f"There is no tool {name[:100]!r}; there are {', '.join(names)}.", details={"tools": names})
    return tool


def tool_infos() -> list[ToolInfo]:
    """Return what may be known of every tool, by name."""
    return [tool.info() for _, tool in sorted(_tools().items())]


def tool_definitions(names: Iterable[str]) -> list[dict[str, Any]]:
    """Return tools as a model is told of them, in the OpenAI format.

    Raises:
        ToolNotFound: One of the names is no tool's (the caller's fault).
    """
    return [_definition(tool_for(name)) for name in names]


def _definition(tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}


@cache
def _tools() -> Mapping[str, Tool]:
    tools: list[Tool] = [import_string(dotted_path)() for dotted_path in settings.SHANNON_TOOLS]
    return {tool.name: tool for tool in tools}
