"""Building views of tasks for strategies, without a database."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from orchestration.strategies import STRATEGIES, Finish, Spawn
from orchestration.strategies.base import Fail, Strategy
from orchestration.types import StepKind, StepSpec, StepStatus, StepView, TaskView

TASK_ID = UUID("018f0000-0000-7000-8000-000000000001")
PARAMETERS = {"tools": ["python", "calculator"], "roles": ["generalist", "analyst"], "max_subtasks": 5}


def view_of(*steps: StepView, query: str = "do it", parameters: Mapping[str, Any] = PARAMETERS) -> TaskView:
    """Return a view with these steps."""
    return TaskView(task_id=TASK_ID, query=query, parameters=parameters, steps={step.key: step for step in steps})


def step(
    key: str,
    kind: StepKind,
    status: StepStatus = StepStatus.READY,
    *,
    output: Mapping[str, Any] | None = None,
    error: Mapping[str, Any] | None = None,
) -> StepView:
    """Return a step's view."""
    return StepView(key=key, kind=kind, status=status, title=key, depends_on=(), output=output, error=error)


def error_of(message: str) -> dict[str, Any]:
    """Return an error as a step keeps it."""
    return {"code": "BROKEN", "message": message, "retryable": False, "details": {}}


def run_to_end(
    strategy: Strategy, outputs: Mapping[StepKind, Mapping[str, Any]], failing: frozenset[str] = frozenset()
) -> tuple[Finish | Fail, dict[str, StepSpec]]:
    """Play the engine: every step that may run ends, until the strategy does; returns its last move and all specs."""
    specs: dict[str, StepSpec] = {}
    views: dict[str, StepView] = {}
    for _ in range(50):
        move = strategy.next(view_of(*views.values()))
        if isinstance(move, Finish | Fail):
            return move, specs
        assert isinstance(move, Spawn), "the strategy waits although every step has ended"
        for spec in move.steps:
            assert spec.key not in specs, f"{spec.key} was made twice"
            specs[spec.key] = spec
            views[spec.key] = _played(spec, views, outputs, failing)
    raise AssertionError("the strategy did not end in 50 moves")


def _played(
    spec: StepSpec,
    views: Mapping[str, StepView],
    outputs: Mapping[StepKind, Mapping[str, Any]],
    failing: frozenset[str],
) -> StepView:
    lost = any(views[key].status is not StepStatus.SUCCEEDED for key in spec.depends_on if key in views)
    if lost and spec.on_dependency_failure == "skip":
        return step(spec.key, spec.kind, StepStatus.SKIPPED, error=error_of("skipped"))
    if spec.key in failing:
        return step(spec.key, spec.kind, StepStatus.FAILED, error=error_of(f"{spec.key} broke"))
    return step(spec.key, spec.kind, StepStatus.SUCCEEDED, output=outputs[spec.kind])


__all__ = ["PARAMETERS", "STRATEGIES", "TASK_ID", "error_of", "run_to_end", "step", "view_of"]
