"""Running Python in the sandbox, on the session's files."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.conf import settings

from agents.journal.bounds import bounded_text
from agents.tools.base import Tool, ToolContext, ToolOutput
from agents.types import ToolError
from sandbox.services import execute, limits_default, workspace_open
from sandbox.types import ExecutionRequest, SandboxLimits
from shannon_project.foundation.errors import ShannonError

_SHOWN_CHARACTERS = 16_000  # of stdout and of stderr


class PythonTool(Tool):
    """Runs a program. It is idempotent because a guest reaches nothing outside: its files come back at its end.

    A program that came to its own end is a success of the tool, whatever its exit code: the model reads stderr. One
    that the sandbox stopped is an error named for the limit (`SANDBOX_TIMEOUT`, `SANDBOX_MEMORY_EXCEEDED`,
    `SANDBOX_OUTPUT_EXCEEDED`, `SANDBOX_QUOTA_EXCEEDED`, `SANDBOX_CRASHED`), and its files are not kept. One whose
    files the workspace refuses is the workspace's error. What a program printed is in the error's details.
    """

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
        """Return `{"stdout", "stderr", "exit_code", "outcome", "files_changed"}`."""
        workspace = workspace_open(tenant_id=ctx.tenant_id, session_id=ctx.session_id)
        limits = _limits_within(ctx.timeout_seconds)
        request = ExecutionRequest(
            guest="python",
            code=arguments["code"],
            files=workspace.files_snapshot(file_count=limits.file_count, file_bytes=limits.file_bytes),
            limits=limits,
        )
        result = execute(request)
        refusal: ShannonError | None = None
        try:
            workspace.apply(files_changed=result.files_changed, files_deleted=result.files_deleted)
        except ShannonError as error:  # a bad file name, or too many files: what was printed is still worth reading
            refusal = error
        changed = () if refusal else (*sorted(result.files_changed), *sorted(result.files_deleted))
        output = {
            "stdout": _shown(result.stdout, result.stdout_truncated),
            "stderr": _shown(result.stderr, result.stderr_truncated),
            "exit_code": result.exit_code,
            "outcome": str(result.outcome),
            "files_changed": list(changed),
        }
        if refusal is not None:
            message = f"The program ran, but none of its files was kept. {refusal.message}"
            return ToolOutput(error=ToolError(refusal.code, message, final=False, details=output))
        if result.outcome.ended_by_itself:
            return ToolOutput(output, files_changed=changed)
        return ToolOutput(
            error=ToolError(f"SANDBOX_{result.outcome.name}", result.message, final=False, details=output)
        )


def _limits_within(seconds: float) -> SandboxLimits:
    """Return the settings' limits, so that waiting for a host and running end within that time (> 0) together.

    When it is short, the program keeps its `wall_seconds` or half of the time, whichever is less.
    """
    limits = limits_default()
    wall_seconds = min(limits.wall_seconds, seconds / 2)
    return replace(limits, wall_seconds=wall_seconds, wait_seconds=min(limits.wait_seconds, seconds - wall_seconds))


def _shown(text: str, was_truncated: bool) -> str:
    shown = bounded_text(text, _SHOWN_CHARACTERS)
    return f"{shown}\n[the sandbox kept only the beginning]" if was_truncated else shown
