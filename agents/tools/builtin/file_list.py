"""Listing the session's files."""

from collections.abc import Mapping
from typing import Any

from agents.tools.base import FileUse, Tool, ToolContext, ToolOutput
from agents.tools.schemas import list_of, object_of
from sandbox.services import workspace_open

_MAX_ENTRIES = 500


class FileListTool(Tool):
    """Lists one folder of the workspace."""

    name = "file_list"
    description = "List the files and folders in one folder of the session's workspace, with their sizes in bytes."
    category = "files"
    file_use = FileUse.READS
    returns = object_of(
        entries=list_of(object_of(path="string", is_dir="boolean", size_bytes="integer")), total="integer"
    )
    parameters = {
        "type": "object",
        "properties": {
            "path": {"type": "string", "maxLength": 500, "description": "A folder; absent or empty: the top one."}
        },
        "additionalProperties": False,
    }

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Return `{"entries": [{"path", "is_dir", "size_bytes"}], "total"}`; at most 500 entries are shown."""
        workspace = workspace_open(tenant_id=ctx.tenant_id, session_id=ctx.session_id)
        entries = workspace.list(arguments.get("path", ""))
        shown = [
            {"path": entry.path, "is_dir": entry.is_dir, "size_bytes": entry.size_bytes}
            for entry in entries[:_MAX_ENTRIES]
        ]
        return ToolOutput({"entries": shown, "total": len(entries)})
