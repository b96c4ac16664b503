"""Comparing two of the session's files."""

from collections.abc import Mapping
from typing import Any

from agents.tools.base import FileUse, Tool, ToolContext, ToolOutput
from agents.tools.schemas import object_of
from sandbox.services import text_diff, workspace_open


class FileDiffTool(Tool):
    """Compares two text files."""

    name = "file_diff"
    description = "Show how one text file of the session's workspace differs from another, as a unified diff."
    category = "files"
    file_use = FileUse.READS
    returns = object_of(equal="boolean", diff="string")
    parameters = {
        "type": "object",
        "properties": {
            "path": {"type": "string", "minLength": 1, "maxLength": 500},
            "other": {"type": "string", "minLength": 1, "maxLength": 500, "description": "What it is compared with."},
        },
        "required": ["path", "other"],
        "additionalProperties": False,
    }

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Return `{"equal", "diff"}`; the diff of equal files is empty."""
        workspace = workspace_open(tenant_id=ctx.tenant_id, session_id=ctx.session_id)
        diff = text_diff(workspace, arguments["path"], arguments["other"])
        return ToolOutput({"equal": not diff, "diff": diff})
