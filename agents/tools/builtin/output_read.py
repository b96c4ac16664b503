"""Reading on in an output that was too long to be shown."""

from collections.abc import Mapping
from typing import Any

from agents.blobs import blob_text
from agents.tools.base import Tool, ToolContext, ToolOutput
from agents.tools.long_output import PAGING_TOOL
from agents.tools.schemas import object_of

_DEFAULT_CHARACTERS = 8_000
_MAX_CHARACTERS = 10_000  # fits a tool's output whatever the characters, so that `next_offset` is true


class OutputReadTool(Tool):
    """Reads a part of a long tool output of the tenant, by its reference."""

    name = PAGING_TOOL
    description = (
        "Read a part of an earlier tool output that was cut, by the reference that stands where it was cut. Read on "
        "only if the part that you were shown does not tell you what you need."
    )
    category = "files"
    implicit = True
    returns = object_of(text="string", offset="integer", next_offset="integer?", total_characters="integer")
    parameters = {
        "type": "object",
        "properties": {
            "reference": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "offset": {"type": "integer", "minimum": 0, "description": "First character to read; default 0."},
            "limit": {
                "type": "integer",
                "minimum": 1,
                "maximum": _MAX_CHARACTERS,
                "description": f"How many characters to read; default {_DEFAULT_CHARACTERS}.",
            },
        },
        "required": ["reference"],
        "additionalProperties": False,
    }

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Return `{"text", "offset", "next_offset", "total_characters"}`; `next_offset` None: all was read."""
        offset = arguments.get("offset", 0)
        limit = arguments.get("limit", _DEFAULT_CHARACTERS)
        text, total = blob_text(tenant_id=ctx.tenant_id, digest=arguments["reference"], offset=offset, limit=limit)
        end = offset + len(text)
        output = {
            "text": text,
            "offset": offset,
            "next_offset": end if end < total else None,
            "total_characters": total,
        }
        return ToolOutput(output)
