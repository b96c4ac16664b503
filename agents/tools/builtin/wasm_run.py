"""Running a module that the tenant uploaded, on the session's files."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from agents.tools.base import FileUse, Tool, ToolContext, ToolOutput
from agents.tools.programs import program_run
from agents.tools.schemas import PROGRAM
from sandbox.services import module_run


class WasmRunTool(Tool):
    """Runs a WASI command. It is idempotent because a guest reaches nothing outside: its files come back at its end."""

    name = "wasm_run"
    description = (
        "Run one of the WebAssembly modules that were uploaded for you, as a command with arguments and an input, in a "
        "sandbox without network. The files of the session's workspace are in /workspace, which is also what PWD says: "
        "unless a module takes its current folder from there, name files by that path. What it writes there is kept."
    )
    category = "compute"
    file_use = FileUse.RUNS
    returns = PROGRAM
    parameters = {
        "type": "object",
        "properties": {
            "module": {"type": "string", "minLength": 1, "maxLength": 64, "description": "Its name."},
            "arguments": {
                "type": "array",
                "maxItems": 64,
                "items": {"type": "string", "maxLength": 4_000},
                "description": "What it finds behind its own name; default none.",
            },
            "stdin": {"type": "string", "maxLength": 100_000, "description": "Its standard input; default empty."},
        },
        "required": ["module"],
        "additionalProperties": False,
    }
    timeout_seconds = settings.SHANNON_SANDBOX_WAIT_SECONDS + settings.SHANNON_SANDBOX_WALL_SECONDS

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Return what `program_run` returns."""
        return program_run(
            ctx,
            lambda files, limits: module_run(
                tenant_id=ctx.tenant_id,
                name=arguments["module"],
                arguments=tuple(arguments.get("arguments", ())),
                stdin=arguments.get("stdin", "").encode("utf-8", "replace"),
                files=files,
                limits=limits,
            ),
        )
