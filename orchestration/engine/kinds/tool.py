"""One tool call, asked for directly by a caller."""

import json
from typing import ClassVar

from agents.services import tool_call
from agents.types import Usage
from orchestration.engine.kinds.base import KindExecutor, Work
from orchestration.types import StepKind, StepOutcome


class ToolKind(KindExecutor):
    """Calls the tool; a failure of the tool is a result, not a failed step."""

    kind: ClassVar[StepKind] = StepKind.TOOL

    def execute(self, work: Work) -> StepOutcome:
        """Return the result as JSON: `{"result": {"ok", "output" | "error"}}`."""
        result = tool_call(
            work.ctx,
            work.journal,
            name=work.step.input["tool"],
            arguments=json.dumps(work.step.input["arguments"]),
        )
        return StepOutcome(output={"result": result.as_json()}, usage=Usage(tool_calls=1))
