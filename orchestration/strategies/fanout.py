"""n steps that do nothing, then a join: what the engine itself costs. Benchmarks and soak runs use it."""

from typing import ClassVar

from orchestration.strategies.base import Finish, Move, Spawn, Strategy, Wait
from orchestration.types import STEP_TERMINAL, StepKind, StepSpec, StepStatus, TaskView


class FanoutStrategy(Strategy):
    """Spawns `parameters["width"]` no-op steps and finishes when all have ended."""

    name: ClassVar[str] = "fanout"
    summary: ClassVar[str] = "Steps that do nothing, to measure the engine."
    reads_output_of: ClassVar[frozenset[StepKind]] = frozenset()

    def next(self, view: TaskView) -> Move:
        """Spawn, wait, count."""
        if not view.steps:
            width = int(view.parameters["width"])
            steps = (
                StepSpec(key=f"noop-{number}", kind=StepKind.NOOP, title=f"No-op {number}") for number in range(width)
            )
            return Spawn(steps=tuple(steps))
        if any(step.status not in STEP_TERMINAL for step in view.steps.values()):
            return Wait()
        done = sum(step.status is StepStatus.SUCCEEDED for step in view.steps.values())
        return Finish(result=f"{done} of {len(view.steps)} steps done")
