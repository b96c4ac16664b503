"""Running a program of a model in the sandbox, on the session's files, and what the model is told of it.

A program that came to its own end is a success of the tool, whatever its exit code: the model reads stderr. One that
the sandbox stopped is an error named for the limit (`SANDBOX_TIMEOUT`, `SANDBOX_CPU_EXCEEDED`,
`SANDBOX_MEMORY_EXCEEDED`, `SANDBOX_OUTPUT_EXCEEDED`, `SANDBOX_QUOTA_EXCEEDED`, `SANDBOX_CRASHED`), and its files are
not kept. One whose files the workspace refuses is the workspace's error. What a program printed is in the error's
details.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings

from agents.errors import ToolInputInvalid
from agents.journal.bounds import bounded_text
from agents.tools.base import FileUse, Tool, ToolContext, ToolOutput
from agents.tools.schemas import PROGRAM
from agents.types import ToolError
from sandbox.services import execute, limits_default, workspace_open
from sandbox.types import NETWORK_HOSTS_MAX, ExecutionRequest, ExecutionResult, SandboxLimits
from shannon_project.foundation.errors import ShannonError
from shannon_project.foundation.outbound import fetch

_SHOWN_CHARACTERS = 16_000  # of stdout and of stderr
Run = Callable[[Mapping[str, bytes], SandboxLimits], ExecutionResult]


class ProgramTool(Tool):
    """Runs a program that the model wrote.

    It is idempotent because a guest changes nothing outside: its files come back at its end, and from the hosts that
    its call names, if the operator has any named at all, it can only read.

    Attributes:
        guest: What runs it.
        network_use: For models: how such a program fetches.
    """

    category = "compute"
    file_use = FileUse.RUNS
    returns = PROGRAM
    guest: str
    network_use: str
    timeout_seconds = settings.SHANNON_SANDBOX_WAIT_SECONDS + settings.SHANNON_SANDBOX_WALL_SECONDS

    def __init__(self) -> None:
        """Offer hosts when the operator has named any."""
        properties: dict[str, Any] = {"code": {"type": "string", "minLength": 1, "maxLength": 100_000}}
        self._hosts = [
            host.strip().lower() for host in settings.SHANNON_SANDBOX_NETWORK_HOSTS.split(",") if host.strip()
        ]
        if self._hosts:
            self.needs_network = True
            self.description = f"{self.description} {self.network_use}"
            properties["network_hosts"] = {
                "type": "array",
                "maxItems": NETWORK_HOSTS_MAX,
                "items": {"type": "string", "maxLength": 253},
                "description": f"Hosts that it may read from; default none. Allowed: {', '.join(self._hosts)}.",
            }
        self.parameters = {
            "type": "object",
            "properties": properties,
            "required": ["code"],
            "additionalProperties": False,
        }

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Return what `program_run` returns."""
        hosts = tuple(host.lower() for host in arguments.get("network_hosts", ()))
        for host in hosts:
            if not any(host == allowed or host.endswith(f".{allowed}") for allowed in self._hosts):
                raise ToolInputInvalid(f"A program may not reach {host!r}; only {', '.join(self._hosts)}.")
        try:
            SandboxLimits(network_hosts=hosts)
        except ValueError as error:
            raise ToolInputInvalid(f"{error}.") from error

        def run(files: Mapping[str, bytes], limits: SandboxLimits) -> ExecutionResult:
            allowed = replace(limits, network_hosts=hosts)
            return execute(ExecutionRequest(self.guest, arguments["code"], files=files, limits=allowed), fetch=fetch)

        return program_run(ctx, run)


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended, which of the session's files it changed, and why the workspace refused them."""

    result: ExecutionResult
    files_changed: tuple[str, ...] = ()
    refusal: ShannonError | None = None


def program_ran(ctx: ToolContext, run: Run, *, on_files: bool = True) -> Ran:
    """Run a program on the session's files, or on none, and keep what it changed.

    Args:
        ctx: For whom, and how long it may take.
        run: Called with the files and the limits.
        on_files: Whether it gets the session's files, and what it leaves is kept.
    """
    limits = _limits_within(ctx.timeout_seconds)
    if not on_files:
        return Ran(run({}, limits))
    workspace = workspace_open(tenant_id=ctx.tenant_id, session_id=ctx.session_id)
    files = workspace.files_snapshot(file_count=limits.file_count, file_bytes=limits.file_bytes)
    result = run(files, limits)
    try:
        workspace.apply(files_changed=result.files_changed, files_deleted=result.files_deleted)
    except ShannonError as error:  # a bad file name, or too many files: what was printed is still worth reading
        return Ran(result, refusal=error)
    return Ran(result, (*sorted(result.files_changed), *sorted(result.files_deleted)))


def program_run(ctx: ToolContext, run: Run) -> ToolOutput:
    """Run a program on the session's files, keep what it changed, and tell the model.

    Args:
        ctx: For whom, and how long it may take.
        run: Called with the files and the limits.

    Returns:
        `{"stdout", "stderr", "exit_code", "outcome", "files_changed"}`.
    """
    ran = program_ran(ctx, run)
    result, refusal, changed = ran.result, ran.refusal, ran.files_changed
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
