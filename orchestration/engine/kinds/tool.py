"""One tool call, asked for by a caller or by a turn of reasoning."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from agents.services import tool_call
from agents.types import Usage
from orchestration.engine.kinds.base import KindExecutor, Work
from orchestration.errors import ToolDidNotSucceed
from orchestration.types import StepKind, StepOutcome

_HTTP_ERRORS_FROM: Final = 400


class ToolKind(KindExecutor):
    """Calls the tool; a failure of the tool is a result, not a failed step, unless the step says `must_succeed`.

    `is_fresh`: the tool is asked, although it may have answered the same to the tenant a moment ago.
    """

    kind: ClassVar[StepKind] = StepKind.TOOL

    def execute(self, work: Work) -> StepOutcome:
        """Return the result as JSON: `{"result": {"ok", "output" | "error"}}`.

        Raises:
            ToolDidNotSucceed: The step is worth nothing without what it calls for, and did not get it.
        """
        offered = work.step.input.get("offered")  # absent: asked for by a caller, who may call what its key may
        result = tool_call(
            work.ctx,
            work.journal,
            name=work.step.input["tool"],
            arguments=json.dumps(work.step.input["arguments"]),
            offered=None if offered is None else tuple(offered),
            is_fresh=bool(work.step.input.get("is_fresh")),
        )
        output: dict[str, Any] = {"result": result.as_json()}
        if work.step.input.get("must_succeed"):
            _success_check(output["result"])
        if offered is not None:  # the next thought reads it as text
            output["text"] = json.dumps(output["result"], ensure_ascii=False, sort_keys=True)
        return StepOutcome(output=output, usage=Usage(tool_calls=1))


def _success_check(result: Mapping[str, Any]) -> None:
    """Refuse a tool's error, and a page that a server answered with one."""
    if not result["ok"]:
        raise ToolDidNotSucceed(str(result["error"]["message"]), details={"error": result["error"]})
    output = result["output"]
    status = output.get("status") if isinstance(output, Mapping) else None
    if isinstance(status, int) and status >= _HTTP_ERRORS_FROM:
        raise ToolDidNotSucceed(f"{output.get('url', 'The server')} answered {status}.", details={"status": status})
