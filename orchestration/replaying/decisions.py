"""The strategy's decisions, made again from what the steps came to. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from agents.services import storable_json
from orchestration.errors import ReplayDiffers, StrategyBroke
from orchestration.replaying.history import History, Made, PastStep
from orchestration.strategies import Fail, Finish, Move, Spawn, Strategy, next_move, strategy_for
from orchestration.types import (
    STEP_TERMINAL,
    OnDependencyFailure,
    StepKind,
    StepSpec,
    StepStatus,
    StepView,
    TaskStatus,
    TaskView,
)
from shannon_project.foundation.errors import DEFECTS, ShannonError

_NOT_THE_STRATEGYS: Final = frozenset({"APPROVAL_DENIED", "STRATEGY_STUCK"})
"""Errors with which the engine ends a task; the strategy did not decide them."""


def decisions_replay(history: History) -> int:
    """Ask the strategy again at each place where it made steps, and at the end; return how many decisions it made.

    Raises:
        ReplayDiffers: It decides otherwise now; `details` has the first difference.
    """
    task = history.task
    strategy = strategy_for(task.strategy, task.parameters)
    steps: dict[str, StepView] = {}
    for past in history.first:
        steps[past.spec.key] = _as_made(past, steps, strategy)
        if past.is_copied and past.status in STEP_TERMINAL:
            steps[past.spec.key] = _as_ended(past, strategy)
    decisions = 0
    for happening in history.happenings:
        if isinstance(happening, Made):
            _compare(decisions, _ask(history, strategy, dict(steps), decisions), happening)
            decisions += 1
            for past in happening.steps:
                steps[past.spec.key] = _as_made(past, steps, strategy)
        else:
            steps[happening.step.spec.key] = _as_ended(happening.step, strategy)
    if (task.error or {}).get("code") == StrategyBroke.code:
        return decisions  # it did not come to its last one
    _compare_end(history, _ask(history, strategy, steps, decisions))
    return decisions + 1


def _ask(history: History, strategy: Strategy, steps: Mapping[str, StepView], number: int) -> Move:
    """Return the strategy's move; one that breaks now, and did not then, is a difference as any other."""
    task = history.task
    try:
        return next_move(strategy, TaskView(task.id, task.query, task.parameters, steps))
    except (ShannonError, *DEFECTS) as error:
        raise ReplayDiffers.at("decision", number, replayed=f"it breaks: {type(error).__name__}") from error


def _as_made(past: PastStep, known: Mapping[str, StepView], strategy: Strategy) -> StepView:
    """Return a step as it stood when it was made: skipped at once, or waiting, or ready."""
    failed = [known[key] for key in past.spec.depends_on if key in known and known[key].status in STEP_TERMINAL]
    failed = [step for step in failed if step.status is not StepStatus.SUCCEEDED]
    if failed and past.spec.on_dependency_failure is OnDependencyFailure.SKIP:
        return _as_ended(past, strategy)
    is_open = any(key not in known or known[key].status not in STEP_TERMINAL for key in past.spec.depends_on)
    return _view(past, StepStatus.BLOCKED if is_open else StepStatus.READY)


def _as_ended(past: PastStep, strategy: Strategy) -> StepView:
    is_read = past.spec.kind in strategy.reads_output_of and past.status is StepStatus.SUCCEEDED
    is_error = past.status in STEP_TERMINAL and past.status is not StepStatus.SUCCEEDED
    return _view(past, past.status, past.output if is_read else None, past.error if is_error else None)


def _view(
    past: PastStep,
    status: StepStatus,
    output: Mapping[str, Any] | None = None,
    error: Mapping[str, Any] | None = None,
) -> StepView:
    spec = past.spec
    return StepView(spec.key, StepKind(spec.kind), status, spec.title, spec.depends_on, output, error)


def _compare(number: int, move: Move, made: Made) -> None:
    recorded = [_as_json(step.spec) for step in made.steps]
    decided = [_as_json(spec) for spec in move.steps] if isinstance(move, Spawn) else []
    if not isinstance(move, Spawn):
        raise ReplayDiffers.at("decision", number, recorded=recorded[:1], replayed=_named(move))
    for index in range(max(len(recorded), len(decided))):
        past = recorded[index] if index < len(recorded) else None
        now = decided[index] if index < len(decided) else None
        if past != now:
            step_key = str((past or now or {}).get("key", ""))
            raise ReplayDiffers.at("decision", number, step_key=step_key, recorded=past, replayed=now)


def _compare_end(history: History, move: Move) -> None:
    task = history.task
    number = sum(isinstance(happening, Made) for happening in history.happenings)
    if task.status == TaskStatus.COMPLETED:
        replayed = move.result if isinstance(move, Finish) else _named(move)
        if replayed != task.result:
            raise ReplayDiffers.at("result", number, recorded=task.result, replayed=replayed)
    elif task.status == TaskStatus.FAILED:
        code = (task.error or {}).get("code")
        decided = move.error.get("code") if isinstance(move, Fail) else _named(move)
        if code not in _NOT_THE_STRATEGYS and decided != code:
            raise ReplayDiffers.at("result", number, recorded=code, replayed=decided)


def _named(move: Move) -> str:
    return type(move).__name__.lower()


def _as_json(spec: StepSpec) -> dict[str, Any]:
    return {
        "key": spec.key,
        "kind": str(spec.kind),
        "title": spec.title[:300],
        "input": storable_json(spec.input)[0],
        "depends_on": list(spec.depends_on),
        "on_dependency_failure": str(spec.on_dependency_failure),
    }
