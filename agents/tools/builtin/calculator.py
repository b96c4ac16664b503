"""Arithmetic without running any code."""

from collections.abc import Mapping
from typing import Any

from agents.tools.arithmetic import evaluate
from agents.tools.base import Tool, ToolContext, ToolOutput
from agents.tools.schemas import object_of


class CalculatorTool(Tool):
    """Evaluates one expression."""

    name = "calculator"
    description = (
        "Evaluate one arithmetic expression exactly. Operators + - * / // % ** and parentheses; functions sqrt, cbrt, "
        "log, log2, log10, exp, sin, cos, tan, asin, acos, atan, atan2, degrees, radians, hypot, abs, round, floor, "
        "ceil, min, max, sum, mean, median, stdev, variance, factorial, gcd, lcm; constants pi, e, tau. "
        "Use it for a single calculation; use python for files, loops or several steps."
    )
    category = "compute"
    returns = object_of(result="number", text="string")
    parameters = {
        "type": "object",
        "properties": {
            "expression": {
                "type": "string",
                "minLength": 1,
                "maxLength": 2000,
                "description": "For example: (118.2 / 95.5 - 1) * 100, or stdev([1, 2, 4]).",
            }
        },
        "required": ["expression"],
        "additionalProperties": False,
    }
    timeout_seconds = 5.0

    def execute(self, ctx: ToolContext, arguments: Mapping[str, Any]) -> ToolOutput:  # noqa: ARG002 - all tools alike
        """Return `{"result": number, "text": the number as text}`."""
        result = evaluate(arguments["expression"])
        return ToolOutput({"result": result, "text": str(result)})
