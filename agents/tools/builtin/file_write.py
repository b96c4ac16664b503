"""Writing one of the session's files."""

from collections.abc import Mapping
from typing import Any

from agents.tools.base import FileUse, Tool, ToolContext, ToolOutput
from agents.tools.schemas import object_of
from sandbox.services import workspace_open


class FileWriteTool(Tool):
    """Writes a whole text file; written twice it is the same file."""

    name = "file_write"
    description = "Write a text file into the session's workspace; a file of that name is replaced."
    category = "files"
    file_use = FileUse.WRITES
    returns = object_of(path="string", size_bytes="integer")
    parameters = {
        "type": "object",
        "properties": {
            "path": {"type": "string", "minLength": 1, "maxLength": 500},
            "content": {"type": "string", "maxLength": 1_000_000},
        },
        "required": ["path", "content"],
        "additionalProperties": False,
    }

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Return `{"path", "size_bytes"}`."""
        data = arguments["content"].encode("utf-8", "replace")
        workspace = workspace_open(tenant_id=ctx.tenant_id, session_id=ctx.session_id)
        workspace.write(arguments["path"], data)
        output = {"path": arguments["path"], "size_bytes": len(data)}
        return ToolOutput(output, files_changed=(arguments["path"],))
