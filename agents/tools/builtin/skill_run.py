"""Running a program that comes with a skill, in the sandbox, on the session's files."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from django.conf import settings

from agents.errors import ToolInputInvalid
from agents.skills.catalogue import SCRIPT_GUESTS, skill_allowed
from agents.tools.base import FileUse, Tool, ToolContext, ToolOutput
from agents.tools.programs import program_run
from agents.tools.schemas import PROGRAM
from sandbox.services import execute
from sandbox.types import ExecutionRequest


class SkillRunTool(Tool):
    """Runs one script of a skill as `python` and `javascript` run a program of the model: with no more rights."""

    name = "skill_run"
    description = (
        "Run a script that comes with a skill (skill_read names them) in the sandbox, in the folder of the session's "
        "files. It reads input as its standard input; what it prints is returned, and files that it writes are kept."
    )
    category = "skills"
    file_use = FileUse.RUNS
    returns = PROGRAM
    parameters = {
        "type": "object",
        "properties": {
            "skill": {"type": "string", "minLength": 1, "maxLength": 100, "description": "Its name, or name@version."},
            "script": {"type": "string", "minLength": 1, "maxLength": 100},
            "input": {"type": "string", "maxLength": 200_000, "description": "As the skill's text says; often JSON."},
        },
        "required": ["skill", "script"],
        "additionalProperties": False,
    }
    timeout_seconds = settings.SHANNON_SANDBOX_WAIT_SECONDS + settings.SHANNON_SANDBOX_WALL_SECONDS

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:
        """Return what `program_run` returns."""
        skill = skill_allowed(arguments["skill"], tenant_id=ctx.tenant_id, may_use_dangerous=ctx.may_use_dangerous)
        name = arguments["script"]
        if name not in skill.scripts:
            there = ", ".join(sorted(skill.scripts)) or "none"
            raise ToolInputInvalid(f"The skill {skill.name} has no script {name!r}; there is {there}.")
        guest, code = SCRIPT_GUESTS[PurePosixPath(name).suffix], skill.scripts[name]
        stdin = arguments.get("input", "").encode("utf-8", "replace")
        return program_run(
            ctx, lambda files, limits: execute(ExecutionRequest(guest, code, stdin=stdin, files=files, limits=limits))
        )
