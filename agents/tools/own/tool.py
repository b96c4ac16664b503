"""One tool that a tenant made of a program: JSON in, JSON out, in the sandbox."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from django.conf import settings

from agents.errors import ToolInputInvalid
from agents.journal.bounds import bounded_text
from agents.models import OwnToolRow
from agents.tools.arguments import json_value, value_problem
from agents.tools.base import FileUse, Tool, ToolContext, ToolOutput
from agents.tools.programs import Ran, program_ran
from agents.types import Json, ToolError
from sandbox.services import execute, module_run
from sandbox.types import ExecutionRequest, ExecutionResult, SandboxLimits

PREFIX: Final = "own__"
_SHOWN_CHARACTERS: Final = 4_000


class OwnTool(Tool):
    """Gives the program its arguments as JSON on standard input, and takes what it prints as its output.

    It is idempotent because a guest changes nothing outside: its files come back at its end.
    """

    category = "own"

    def __init__(self, row: OwnToolRow) -> None:
        """Take what the tenant registered."""
        self.name = f"{PREFIX}{row.name}"
        self.description = row.description
        self.parameters = row.parameters
        self.returns = row.returns
        self.dangerous = row.dangerous
        self.requires_approval = row.requires_approval
        self.file_use = FileUse.RUNS if row.uses_files else FileUse.NONE
        self.calls_per_minute = row.calls_per_minute
        self.timeout_seconds = settings.SHANNON_SANDBOX_WAIT_SECONDS + row.wall_seconds
        self._row = row

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Return what the program printed: the JSON value that it is, else `{"text"}`."""
        stdin = json.dumps(dict(arguments)).encode()
        ran = program_ran(
            ctx, lambda files, limits: self._run(ctx, stdin, files, limits), on_files=self._row.uses_files
        )
        error = _error_of(ran)
        if error is not None:
            return ToolOutput(error=error, files_changed=ran.files_changed)
        output = _value(ran.result.stdout)
        problem = value_problem(self.returns, output) if self.returns else ""
        if problem:
            message = f"What {self.name} printed is not what it says that it returns: {problem}"
            details: dict[str, Json] = {"stdout": bounded_text(ran.result.stdout, _SHOWN_CHARACTERS)}
            return ToolOutput(
                error=ToolError("TOOL_OUTPUT_INVALID", message, final=False, details=details),
                files_changed=ran.files_changed,
            )
        return ToolOutput(output, files_changed=ran.files_changed)

    def _run(
        self, ctx: ToolContext, stdin: bytes, files: Mapping[str, bytes], limits: SandboxLimits
    ) -> ExecutionResult:
        row = self._row
        limits = replace(
            limits,
            wall_seconds=min(limits.wall_seconds, row.wall_seconds),
            memory_bytes=min(limits.memory_bytes, row.memory_bytes or limits.memory_bytes),
        )
        if row.guest == "module":
            return module_run(tenant_id=ctx.tenant_id, name=row.module, stdin=stdin, files=files, limits=limits)
        return execute(ExecutionRequest(row.guest, row.code, stdin=stdin, files=files, limits=limits))


def _error_of(ran: Ran) -> ToolError | None:
    result = ran.result
    if ran.refusal is not None:
        message = f"The program ran, but none of its files was kept. {ran.refusal.message}"
        return ToolError(ran.refusal.code, message, final=False)
    details: dict[str, Json] = {"stderr": bounded_text(result.stderr, _SHOWN_CHARACTERS), "exit_code": result.exit_code}
    if not result.outcome.ended_by_itself:
        return ToolError(f"SANDBOX_{result.outcome.name}", result.message, final=False, details=details)
    if result.exit_code:
        last = result.stderr.strip().splitlines()[-1:] or ["it did not say why"]
        message = f"The program ended with exit code {result.exit_code}: {bounded_text(last[0], 300)}"
        return ToolError("PROGRAM_FAILED", message, final=False, details=details)
    return None


def _value(stdout: str) -> Json:
    try:
        return json_value(stdout)
    except ToolInputInvalid:
        return {"text": stdout}
