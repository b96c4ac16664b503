"""One agent answers the request: no planning call, no hidden extra calls."""

from typing import ClassVar

from orchestration.strategies.base import Fail, Finish, Move, Spawn, Strategy, Wait
from orchestration.types import StepKind, StepSpec, StepStatus, TaskView


class SimpleStrategy(Strategy):
    """A single agent step; its text is the answer."""

    name: ClassVar[str] = "simple"
    reads_output_of: ClassVar[frozenset[StepKind]] = frozenset({StepKind.AGENT})

    def next(self, view: TaskView) -> Move:
        """Spawn the agent, then finish with what it says."""
        agent = view.steps.get("agent")
        if agent is None:
            spec = StepSpec(
                key="agent",
                kind=StepKind.AGENT,
                title="Answer the request",
                input={"instruction": view.query, "is_final": True},
            )
            return Spawn(steps=(spec,))
        if agent.status is StepStatus.SUCCEEDED and agent.output is not None:
            return Finish(result=str(agent.output["text"]))
        if agent.error is not None:
            return Fail(error=agent.error)
        return Wait()
