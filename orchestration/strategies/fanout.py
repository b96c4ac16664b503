"""n steps, then a join: what the engine itself costs. Benchmarks and soak runs use it."""

from typing import ClassVar

from orchestration.strategies.base import Finish, Move, Spawn, Strategy, Wait
from orchestration.types import STEP_TERMINAL, OnDependencyFailure, StepKind, StepSpec, StepStatus, TaskView

JOIN_KEY = "join"


class FanoutStrategy(Strategy):
    """Spawns `parameters["width"]` steps and finishes when all have ended.

    They do nothing; with `output_bytes` each returns a text of that size; with `instruction` each is an agent that is
    given it. With `join` a synthesis reads what all of them returned.
    """

    name: ClassVar[str] = "fanout"
    reads_output_of: ClassVar[frozenset[StepKind]] = frozenset()

    def next(self, view: TaskView) -> Move:
        """Spawn, wait, count."""
        if not view.steps:
            return Spawn(steps=_steps(view))
        if any(step.status not in STEP_TERMINAL for step in view.steps.values()):
            return Wait()
        done = sum(step.status is StepStatus.SUCCEEDED for step in view.steps.values())
        return Finish(result=f"{done} of {len(view.steps)} steps done")


def _steps(view: TaskView) -> tuple[StepSpec, ...]:
    asked = view.parameters
    width, instruction, output_bytes = int(asked["width"]), asked.get("instruction"), asked.get("output_bytes")
    kind, name = (StepKind.AGENT, "Agent") if instruction else (StepKind.NOOP, "No-op")
    given = {"instruction": instruction, "tools": []} if instruction else {}
    given |= {"output_bytes": output_bytes} if output_bytes else {}
    steps = tuple(
        StepSpec(key=f"{kind}-{number}", kind=kind, title=f"{name} {number}", input=given) for number in range(width)
    )
    if not asked.get("join"):
        return steps
    keys = tuple(step.key for step in steps)
    join = StepSpec(
        key=JOIN_KEY,
        kind=StepKind.SYNTHESIZE,
        title="Join",
        depends_on=keys,
        on_dependency_failure=OnDependencyFailure.RUN,
    )
    return (*steps, join)
