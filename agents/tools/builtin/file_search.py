"""Finding a text in the session's files."""

from collections.abc import Mapping
from typing import Any

from agents.tools.base import FileUse, Tool, ToolContext, ToolOutput
from agents.tools.schemas import list_of, object_of
from sandbox.services import text_search, workspace_open

_DEFAULT_MATCHES = 50
_MAX_MATCHES = 200


class FileSearchTool(Tool):
    """Searches the text files of the workspace for a plain text."""

    name = "file_search"
    description = (
        "Find the lines of the session's text files that contain a text (plain text, not a regular expression). Limit "
        "it to some files with pattern, as in a shell: *.py or src/*."
    )
    category = "files"
    file_use = FileUse.READS
    returns = object_of(
        matches=list_of(object_of(path="string", line="integer", text="string")),
        files_searched="integer",
        more="boolean",
    )
    parameters = {
        "type": "object",
        "properties": {
            "text": {"type": "string", "minLength": 1, "maxLength": 1000},
            "pattern": {"type": "string", "minLength": 1, "maxLength": 200, "description": "Which files; default all."},
            "match_case": {"type": "boolean", "description": "Default false."},
            "limit": {
                "type": "integer",
                "minimum": 1,
                "maximum": _MAX_MATCHES,
                "description": f"Lines at most; default {_DEFAULT_MATCHES}.",
            },
        },
        "required": ["text"],
        "additionalProperties": False,
    }

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Return `{"matches": [{"path", "line", "text"}], "files_searched", "more"}`; lines count from 1."""
        found = text_search(
            workspace_open(tenant_id=ctx.tenant_id, session_id=ctx.session_id),
            arguments["text"],
            pattern=arguments.get("pattern", "*"),
            ignore_case=not arguments.get("match_case", False),
            limit=arguments.get("limit", _DEFAULT_MATCHES),
        )
        matches = [{"path": match.path, "line": match.line, "text": match.text} for match in found.matches]
        return ToolOutput({"matches": matches, "files_searched": found.files_searched, "more": found.more})
