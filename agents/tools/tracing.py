"""The span of a tool call, in the words of OpenTelemetry's conventions for generative AI."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings

from agents.journal import Effect
from agents.tools.base import Tool
from shannon_project.foundation.tracing import Attribute, span, tracing_is_on


def tool_traced(
    perform: Callable[[Effect], dict[str, Any]], tool: Tool | None, arguments: Mapping[str, Any], effect: Effect
) -> dict[str, Any]:
    """Make a call that really happens, inside of a span.

    Args:
        perform: Makes the call.
        tool: The tool; None: there is none of the name that a model wrote.
        arguments: What it is called with.
        effect: The journal's entry.
    """
    if not tracing_is_on():
        return perform(effect)
    name = tool.name if tool else "unknown"  # a name that is not ours is a model's text
    attributes: dict[str, Attribute] = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": name,
        "gen_ai.tool.type": "function",
        "shannon.journal_position": effect.position,
    }
    most = settings.SHANNON_TRACES_CONTENT_MAX_CHARACTERS
    if settings.SHANNON_TRACES_CONTENT:
        attributes["gen_ai.tool.call.arguments"] = json.dumps(arguments, ensure_ascii=False, default=str)[:most]
    with span(f"execute_tool {name}", attributes) as call:
        response = perform(effect)
        error = response.get("error")
        if error:
            call.failed(str(error["code"]))
        if settings.SHANNON_TRACES_CONTENT:
            call.note({"gen_ai.tool.call.result": json.dumps(response, ensure_ascii=False, default=str)[:most]})
    return response
