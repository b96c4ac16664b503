"""Running a program of a model in the sandbox, on the session's files, and what the model is told of it.

A program that came to its own end is a success of the tool, whatever its exit code: the model reads stderr. One that
the sandbox stopped is an error named for the limit (`SANDBOX_TIMEOUT`, `SANDBOX_CPU_EXCEEDED`,
`SANDBOX_MEMORY_EXCEEDED`, `SANDBOX_OUTPUT_EXCEEDED`, `SANDBOX_QUOTA_EXCEEDED`, `SANDBOX_CRASHED`), and its files are
not kept. One whose files the workspace refuses is the workspace's error. What a program printed is in the error's
details.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from agents.journal.bounds import bounded_text
from agents.tools.base import ToolContext, ToolOutput
from agents.types import ToolError
from sandbox.services import limits_default, workspace_open
from sandbox.types import ExecutionResult, SandboxLimits
from shannon_project.foundation.errors import ShannonError

_SHOWN_CHARACTERS = 16_000  # of stdout and of stderr
Run = Callable[[Mapping[str, bytes], SandboxLimits], ExecutionResult]


def program_run(ctx: ToolContext, run: Run) -> ToolOutput:
    """Run a program on the session's files, keep what it changed, and tell the model.

    Args:
        ctx: For whom, and how long it may take.
        run: Called with the files and the limits.

    Returns:
        `{"stdout", "stderr", "exit_code", "outcome", "files_changed"}`.
    """
    workspace = workspace_open(tenant_id=ctx.tenant_id, session_id=ctx.session_id)
    limits = _limits_within(ctx.timeout_seconds)
    files = workspace.files_snapshot(file_count=limits.file_count, file_bytes=limits.file_bytes)
    result = run(files, limits)
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
    return ToolOutput(error=ToolError(f"SANDBOX_{result.outcome.name}", result.message, final=False, details=output))


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
