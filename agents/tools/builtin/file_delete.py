"""Deleting one of the session's files."""

from collections.abc import Mapping
from typing import Any

from agents.tools.base import FileUse, Tool, ToolContext, ToolOutput
from agents.tools.schemas import object_of
from sandbox.errors import WorkspaceFileMissing
from sandbox.services import workspace_open


class FileDeleteTool(Tool):
    """Deletes one file; deleted twice, it is gone."""

    name = "file_delete"
    description = "Delete a file of the session's workspace. It cannot be brought back."
    category = "files"
    file_use = FileUse.WRITES
    returns = object_of(path="string", deleted="boolean")
    parameters = {
        "type": "object",
        "properties": {"path": {"type": "string", "minLength": 1, "maxLength": 500}},
        "required": ["path"],
        "additionalProperties": False,
    }

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Return `{"path", "deleted"}`; false: there was no such file."""
        path = arguments["path"]
        try:
            workspace_open(tenant_id=ctx.tenant_id, session_id=ctx.session_id).delete(path)
        except WorkspaceFileMissing:
            return ToolOutput({"path": path, "deleted": False})
        return ToolOutput({"path": path, "deleted": True}, files_changed=(path,))
