"""One tool call, asked for by a caller or by a turn of reasoning."""

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
        offered = work.step.input.get("offered")  # absent: asked for by a caller, who may call what its key may
        result = tool_call(
            work.ctx,
            work.journal,
            name=work.step.input["tool"],
            arguments=json.dumps(work.step.input["arguments"]),
            offered=None if offered is None else tuple(offered),
        )
        output: dict[str, object] = {"result": result.as_json()}
        if offered is not None:  # the next thought reads it as text
            output["text"] = json.dumps(output["result"], ensure_ascii=False, sort_keys=True)
        return StepOutcome(output=output, usage=Usage(tool_calls=1))
