"""Running a program that calls the agent's other tools."""

from collections.abc import Mapping
from typing import Any

from agents.tools.base import FileUse, Tool, ToolContext, ToolOutput
from agents.tools.code.driving import CODE_TOOL
from agents.tools.schemas import object_of


class CodeTool(Tool):
    """Lets a program begin. `agents.tools.code.driving` runs it, where each of its calls is an effect of the step."""

    name = CODE_TOOL
    description = (
        "Run a Python program that calls your other tools: tools.NAME(argument=value, ...) with a tool's own arguments "
        "returns its output, and raises RuntimeError when it fails. Use it for many calls, loops over results, or to "
        "work on outputs without reading them. It has no files and no network of its own: use tools for that. Print "
        "what you want to see; the value of a last expression is returned too. Calls that were made stay made when the "
        "program fails."
    )
    category = "compute"
    file_use = FileUse.WRITES  # its calls may
    returns = object_of(stdout="string", calls="integer", value="any")
    parameters = {
        "type": "object",
        "properties": {"code": {"type": "string", "minLength": 1, "maxLength": 100_000}},
        "required": ["code"],
        "additionalProperties": False,
    }

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:  # noqa: ARG002
        """Return `{"program": "begins"}`: the policy has agreed, and the program's calls are asked for one by one."""
        return ToolOutput({"program": "begins"})
