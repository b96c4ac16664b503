"""Changing a piece of one of the session's files."""

from collections.abc import Mapping
from typing import Any

from agents.tools.base import FileUse, Tool, ToolContext, ToolOutput
from agents.tools.schemas import object_of
from sandbox.services import text_edit, workspace_open


class FileEditTool(Tool):
    """Replaces a piece of a text file. Made again after a crash it looks first whether the new text is there."""

    name = "file_edit"
    description = (
        "Replace a piece of a text file of the session's workspace. old must stand in the file exactly once, with its "
        "spaces and line ends, unless replace_all is true. Read the file first."
    )
    category = "files"
    file_use = FileUse.WRITES
    returns = object_of(path="string", diff="string")
    parameters = {
        "type": "object",
        "properties": {
            "path": {"type": "string", "minLength": 1, "maxLength": 500},
            "old": {"type": "string", "minLength": 1, "maxLength": 200_000},
            "new": {"type": "string", "maxLength": 200_000},
            "replace_all": {"type": "boolean", "description": "Replace every occurrence; default false."},
        },
        "required": ["path", "old", "new"],
        "additionalProperties": False,
    }

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Return `{"path", "diff"}`: what changed, as a unified diff; empty when it was done before a crash."""
        path, old, new = arguments["path"], arguments["old"], arguments["new"]
        workspace = workspace_open(tenant_id=ctx.tenant_id, session_id=ctx.session_id)
        if ctx.is_repeated and _is_done(workspace.read(path).decode("utf-8", "replace"), old, new):
            return ToolOutput({"path": path, "diff": ""}, files_changed=(path,))
        diff = text_edit(workspace, path, old=old, new=new, replace_all=arguments.get("replace_all", False))
        return ToolOutput({"path": path, "diff": diff}, files_changed=(path,))


def _is_done(text: str, old: str, new: str) -> bool:
    """Tell whether an edit that may have happened did: what it wrote is there, and what it replaced is not any more."""
    return new in text and (old not in text or old in new)
