"""What a fork keeps: the steps that the strategy makes without knowing what those that are done anew come to."""

from collections.abc import Collection, Sequence

from agents.services import values_unpack
from orchestration.models import Step, Task
from orchestration.strategies import Spawn, Strategy, next_move, strategy_for
from orchestration.types import STEP_TERMINAL, StepKind, StepStatus, StepView, TaskView


def steps_made_without(task: Task, steps: Sequence[Step], anew: Collection[str]) -> frozenset[str]:
    """Return the keys of the steps that a task's strategy has made before any of those in `anew` ends.

    What follows from a step need not depend on it: a lead's decision hands out tasks, a thought names the call that
    comes next. So the strategy is asked again, from the beginning, with the steps in `anew` open; what it makes of
    that is kept, and everything else was built on what they came to. One query where outputs that it reads are stored
    as blobs.

    Args:
        task: The task, as it was submitted.
        steps: All its steps in the order in which they were made.
        anew: Keys of those whose end is not known yet.
    """
    strategy = strategy_for(task.strategy, task.parameters)
    own = {step.key for step in steps if step.kind != StepKind.MESSAGE}
    views = _views(task, steps, strategy, anew)
    made: set[str] = set()
    while True:
        seen = {key: view for key, view in views.items() if key in made or key not in own}
        move = next_move(strategy, TaskView(task.id, task.query, task.parameters, seen))
        more = {spec.key for spec in move.steps} - made if isinstance(move, Spawn) else set()
        if not more or not more <= own:
            return frozenset(made)
        made |= more


def _views(task: Task, steps: Sequence[Step], strategy: Strategy, anew: Collection[str]) -> dict[str, StepView]:
    statuses = [_status(step, anew) for step in steps]
    reads = [
        step.output if status is StepStatus.SUCCEEDED and step.kind in strategy.reads_output_of else None
        for step, status in zip(steps, statuses, strict=True)
    ]
    outputs = values_unpack(task.tenant_id, reads)
    return {
        step.key: StepView(
            key=step.key,
            kind=StepKind(step.kind),
            status=status,
            title=step.title,
            depends_on=tuple(step.depends_on),
            output=output,
            error=step.error if status in STEP_TERMINAL and status is not StepStatus.SUCCEEDED else None,
        )
        for step, status, output in zip(steps, statuses, outputs, strict=True)
    }


def _status(step: Step, anew: Collection[str]) -> StepStatus:
    """Return a step's status in the eyes of a strategy that does not know what those in `anew` come to."""
    status = StepStatus(step.status)
    if step.key in anew or status not in STEP_TERMINAL:
        return StepStatus.BLOCKED if step.depends_on else StepStatus.READY
    return status
