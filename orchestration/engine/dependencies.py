"""What the end of some steps means for the steps that wait for them. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from orchestration.types import OnDependencyFailure, StepStatus


@dataclass(frozen=True, slots=True)
class BlockedStep:
    """A step that waits."""

    step_id: UUID
    key: str
    depends_on: tuple[str, ...]
    open_dependencies: int
    on_dependency_failure: OnDependencyFailure


@dataclass(frozen=True, slots=True)
class Release:
    """A blocked step's new state. `failed_dependency` names the step because of which it is skipped."""

    step_id: UUID
    key: str
    status: StepStatus
    open_dependencies: int
    failed_dependency: str = ""


def releases(blocked: Iterable[BlockedStep], ended: Mapping[str, StepStatus]) -> list[Release]:
    """Return the changes that follow when the steps in `ended` (key to final status) have just ended.

    A step that is skipped has ended too, so its own dependants are looked at again, until nothing changes. A failed
    dependency never counts as done: its dependants are skipped, unless they asked to run all the same.
    """
    waiting = {step.key: step for step in blocked}
    open_counts = {key: step.open_dependencies for key, step in waiting.items()}
    changed: dict[str, Release] = {}
    front = dict(ended)
    while front:
        skipped: dict[str, StepStatus] = {}
        for step in list(waiting.values()):
            release = _release(step, front, open_counts)
            if release is None:
                continue
            changed[step.key] = release
            if release.status is not StepStatus.BLOCKED:
                del waiting[step.key]
            if release.status is StepStatus.SKIPPED:
                skipped[step.key] = StepStatus.SKIPPED
        front = skipped
    return list(changed.values())


def _release(step: BlockedStep, front: Mapping[str, StepStatus], open_counts: dict[str, int]) -> Release | None:
    hit = [name for name in step.depends_on if name in front]
    if not hit:
        return None
    open_counts[step.key] -= len(hit)
    failed = next((name for name in hit if front[name] is not StepStatus.SUCCEEDED), "")
    if failed and step.on_dependency_failure is OnDependencyFailure.SKIP:
        return Release(step.step_id, step.key, StepStatus.SKIPPED, open_counts[step.key], failed)
    status = StepStatus.READY if open_counts[step.key] == 0 else StepStatus.BLOCKED
    return Release(step.step_id, step.key, status, open_counts[step.key])
