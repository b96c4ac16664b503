"""Reading one of the session's files."""

from collections.abc import Mapping
from typing import Any

from agents.tools.base import FileUse, Tool, ToolContext, ToolOutput
from agents.tools.schemas import object_of
from sandbox.services import workspace_open

_DEFAULT_CHARACTERS = 8_000
_MAX_CHARACTERS = 10_000  # fits a tool's output whatever the characters, so that `next_offset` is true


class FileReadTool(Tool):
    """Reads a part of a text file."""

    name = "file_read"
    description = (
        "Read a text file of the session's workspace, or a part of it. For statistics of a large file use python "
        "instead of reading it."
    )
    category = "files"
    file_use = FileUse.READS
    returns = object_of(
        path="string", text="string", offset="integer", next_offset="integer?", total_characters="integer"
    )
    parameters = {
        "type": "object",
        "properties": {
            "path": {"type": "string", "minLength": 1, "maxLength": 500},
            "offset": {"type": "integer", "minimum": 0, "description": "First character to read; default 0."},
            "limit": {
                "type": "integer",
                "minimum": 1,
                "maximum": _MAX_CHARACTERS,
                "description": f"How many characters to read; default {_DEFAULT_CHARACTERS}.",
            },
        },
        "required": ["path"],
        "additionalProperties": False,
    }

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Return `{"path", "text", "offset", "next_offset", "total_characters"}`; `next_offset` None: all was read."""
        workspace = workspace_open(tenant_id=ctx.tenant_id, session_id=ctx.session_id)
        text = workspace.read(arguments["path"]).decode("utf-8", "replace")
        offset = arguments.get("offset", 0)
        end = offset + arguments.get("limit", _DEFAULT_CHARACTERS)
        output = {
            "path": arguments["path"],
            "text": text[offset:end],
            "offset": offset,
            "next_offset": end if end < len(text) else None,
            "total_characters": len(text),
        }
        return ToolOutput(output)
