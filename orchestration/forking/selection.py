"""Which steps of a task a fork takes over, and how the others begin. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestration.engine.dependencies import BlockedStep, Release, releases
from orchestration.models import Step
from orchestration.types import OnDependencyFailure, StepKind, StepStatus
from shannon_project.foundation.errors import InvalidInput

_FINISHED = frozenset({StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.SKIPPED})


@dataclass(frozen=True, slots=True)
class Selection:
    """The steps of a fork. What a planner's step led to is in neither list: the strategy makes it anew."""

    fork_step: Step
    copied: Sequence[Step]
    anew: Sequence[Step]


def select(steps: Sequence[Step], from_step_key: str) -> Selection:
    """Divide a task's steps, given in the order in which they were made.

    Anew are the fork step, all that depends on it, and what has not come to its own end.

    Raises:
        InvalidInput: The task has no such step (the caller's fault).
    """
    fork_step = next((step for step in steps if step.key == from_step_key), None)
    if fork_step is None:
        known = [step.key for step in steps]
        raise InvalidInput(f"from_step_key: there is no step '{from_step_key[:128]}'.", details={"steps": known[:50]})
    if fork_step.kind == StepKind.PLAN:
        steps = [step for step in steps if step.position <= fork_step.position]
    renewed = {step.key for step in steps if step.status not in _FINISHED} | {fork_step.key}
    while more := {step.key for step in steps if step.key not in renewed and renewed & set(step.depends_on)}:
        renewed |= more
    return Selection(
        fork_step=fork_step,
        copied=[step for step in steps if step.key not in renewed],
        anew=[step for step in steps if step.key in renewed],
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
