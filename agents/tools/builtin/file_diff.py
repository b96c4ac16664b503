"""Comparing two of the session's files."""

from collections.abc import Mapping
from typing import Any, Final

from agents.errors import ToolInputInvalid
from agents.tools.base import FileUse, Tool, ToolContext, ToolOutput
from agents.tools.schemas import object_of
from sandbox.services import text_diff, workspace_open

_MAX_BYTES: Final = 512 * 1024  # the time that comparing takes grows with the square


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
        for path in (arguments["path"], arguments["other"]):
            if len(workspace.read(path)) > _MAX_BYTES:
                raise ToolInputInvalid(f"{path!r} has more than {_MAX_BYTES} bytes. Compare parts of it with python.")
        diff = text_diff(workspace, arguments["path"], arguments["other"])
        return ToolOutput({"equal": not diff, "diff": diff})
