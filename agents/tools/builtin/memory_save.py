"""Remembering something for later tasks."""

from collections.abc import Mapping
from typing import Any

from agents.memory.remembering import memory_remember
from agents.tools.base import Tool, ToolContext, ToolOutput
from agents.tools.schemas import object_of


class MemorySaveTool(Tool):
    """Writes one memory of the tenant; saved twice by the same task, it is there once."""

    name = "memory_save"
    description = (
        "Remember a fact, decision or result for later tasks, which find it with memory_search. Write it so that it "
        "can be understood alone."
    )
    category = "memory"
    returns = object_of(saved="boolean")
    parameters = {
        "type": "object",
        "properties": {
            "about": {"type": "string", "minLength": 1, "maxLength": 200, "description": "What it is about, in words."},
            "content": {"type": "string", "minLength": 1, "maxLength": 3500},
        },
        "required": ["about", "content"],
        "additionalProperties": False,
    }

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Return `{"saved"}`; false when no word of it has a meaning that could be found again."""
        saved = memory_remember(
            tenant_id=ctx.tenant_id,
            session_id=ctx.session_id,
            task_id=ctx.task_id,
            query=arguments["about"],
            answer=arguments["content"],
        )
        return ToolOutput({"saved": saved})
