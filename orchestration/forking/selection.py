"""Which steps of a task a fork takes over, and how the others begin. Pure."""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from orchestration.engine.dependencies import BlockedStep, Release, releases
from orchestration.models import Step
from orchestration.types import OnDependencyFailure, StepKind, StepStatus
from shannon_project.foundation.errors import InvalidInput

_FINISHED = frozenset({StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.SKIPPED})

MadeWithout = Callable[[Sequence[Step], Collection[str]], Collection[str]]
"""Of a task's steps, the keys of those that its strategy makes without knowing the ends of the given ones."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The steps of a fork. What was made because of a step that is done anew is in neither list: it is made anew."""

    fork_step: Step
    copied: Sequence[Step]
    anew: Sequence[Step]

    @property
    def positions(self) -> dict[str, int]:
        """The place of each step in the new task, by key: without gaps, in their former order."""
        kept = sorted((*self.copied, *self.anew), key=lambda step: step.position)
        return {step.key: position for position, step in enumerate(kept)}


def select(steps: Sequence[Step], from_step_key: str, made_without: MadeWithout) -> Selection:
    """Divide a task's steps, given in the order in which they were made.

    Anew are the fork step, all that depends on it, and what has not come to its own end. What the strategy made only
    because it knew how one of these ended is left out, and so is what people said after that.

    Raises:
        InvalidInput: The task has no such step, or it is a person's message (the caller's fault).
    """
    own = [step for step in steps if step.kind != StepKind.MESSAGE]
    fork_step = next((step for step in own if step.key == from_step_key), None)
    if fork_step is None:
        known = [step.key for step in own]
        raise InvalidInput(f"from_step_key: there is no step '{from_step_key[:128]}'.", details={"steps": known[:50]})
    renewed = {step.key for step in own if step.status not in _FINISHED} | {fork_step.key}
    while more := {step.key for step in own if step.key not in renewed and renewed & set(step.depends_on)}:
        renewed |= more
    kept = set(made_without(steps, renewed))
    if fork_step.key not in kept:  # the strategy is another one by now: what came before the step is all that is sure
        kept = {step.key for step in own if step.position <= fork_step.position}
    left_at = min((step.position for step in own if step.key not in kept), default=math.inf)
    kept |= {step.key for step in steps if step.kind == StepKind.MESSAGE and step.position < left_at}
    return Selection(
        fork_step=fork_step,
        copied=[step for step in steps if step.key in kept - renewed],
        anew=[step for step in steps if step.key in kept & renewed],
    )


def beginnings(selection: Selection) -> dict[str, Release]:
    """Return how each step that is made anew begins, by key.

    Raises:
        InvalidInput: The fork step would be skipped again, since one that it depends on failed (the caller's fault).
    """
    blocked = [
        BlockedStep(
            step_id=step.id,
            key=step.key,
            depends_on=tuple(step.depends_on),
            open_dependencies=len(step.depends_on),
            on_dependency_failure=OnDependencyFailure(step.on_dependency_failure),
        )
        for step in selection.anew
    ]
    started = {step.key: _untouched(step) for step in blocked}
    ended = {step.key: StepStatus(step.status) for step in selection.copied}
    started |= {release.key: release for release in releases(blocked, ended)}
    fork = started[selection.fork_step.key]
    if fork.status is StepStatus.SKIPPED:
        raise InvalidInput(f"from_step_key: the step would be skipped again; fork from '{fork.failed_dependency}'.")
    return started


def _untouched(step: BlockedStep) -> Release:
    status = StepStatus.BLOCKED if step.depends_on else StepStatus.READY
    return Release(step.step_id, step.key, status, len(step.depends_on))
