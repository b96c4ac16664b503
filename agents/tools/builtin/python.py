"""Running Python in the sandbox, on the session's files."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from agents.tools.base import Tool, ToolContext, ToolOutput
from agents.tools.programs import program_run
from sandbox.services import execute
from sandbox.types import ExecutionRequest


class PythonTool(Tool):
    """Runs Python. It is idempotent because a guest reaches nothing outside: its files come back at its end."""

    name = "python"
    description = (
        "Run a Python 3 program (standard library only, no network) in a sandbox. The current folder holds the "
        "files of the session's workspace; files that the program writes there are kept. Print what you want to see."
    )
    category = "compute"
    parameters = {
        "type": "object",
        "properties": {"code": {"type": "string", "minLength": 1, "maxLength": 100_000}},
        "required": ["code"],
        "additionalProperties": False,
    }
    timeout_seconds = settings.SHANNON_SANDBOX_WAIT_SECONDS + settings.SHANNON_SANDBOX_WALL_SECONDS

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Return what `program_run` returns."""
        code = arguments["code"]
        return program_run(
            ctx, lambda files, limits: execute(ExecutionRequest("python", code, files=files, limits=limits))
        )
