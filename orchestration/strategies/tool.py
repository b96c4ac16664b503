"""One direct tool call, recorded, paid and authorised like any other work."""

import json
from typing import ClassVar

from orchestration.strategies.base import Fail, Finish, Move, Spawn, Strategy, Wait
from orchestration.types import StepKind, StepSpec, StepStatus, TaskView


class ToolStrategy(Strategy):
    """A single tool step; its result, as JSON text, is the answer."""

    name: ClassVar[str] = "tool"
    summary: ClassVar[str] = "One tool call, asked for directly."
    reads_output_of: ClassVar[frozenset[StepKind]] = frozenset({StepKind.TOOL})

    def next(self, view: TaskView) -> Move:
        """Spawn the call, then finish with its result."""
        call = view.steps.get("tool")
        if call is None:
            name = str(view.parameters["tool"])
            arguments = {"tool": name, "arguments": view.parameters["arguments"]}
            return Spawn(steps=(StepSpec(key="tool", kind=StepKind.TOOL, title=f"Call {name}", input=arguments),))
        if call.status is StepStatus.SUCCEEDED and call.output is not None:
            return Finish(result=json.dumps(call.output["result"]))
        if call.error is not None:
            return Fail(error=call.error)
        return Wait()
