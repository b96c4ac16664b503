"""Replaying a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from agents.selectors import entry_sums
from agents.services import bounded_json
from orchestration.engine.facts import task_facts
from orchestration.errors import ReplayDiffers, TaskNotFinished
from orchestration.models import Task
from orchestration.replaying.decisions import decisions_replay
from orchestration.replaying.effects import NOT_RUN, effects_replay
from orchestration.replaying.history import History, history_of
from orchestration.selectors import task_for
from orchestration.types import TASK_TERMINAL, StepStatus
from policy.types import Principal

_RUN_AGAIN = frozenset({StepStatus.SUCCEEDED, StepStatus.FAILED})
SHOWN_MAX_BYTES = 32 * 1024


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place where a replay came to something else.

    `where` is `decision`, `step` or `result`; `position` the decision's number, or the place in the step's journal.
    """

    where: str
    step_key: str
    position: int | None
    recorded: Any
    replayed: Any


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What was computed again. `difference` None: everything came to the same."""

    task_id: UUID
    strategy: str
    decisions: int
    steps: int
    effects: int
    difference: Difference | None

    @property
    def matches(self) -> bool:
        """Whether the replay came to the same everywhere."""
        return self.difference is None


def task_replay(*, principal: Principal, task_id: UUID) -> ReplayReport:
    """Compute a run of the tenant again from its history.

    The strategy is asked again at each of its decisions, and each step's code is run against the step's journal.
    Nothing happens: an effect that is not recorded is refused, what a step writes beside its journal is rolled back.
    Steps that were copied from another task were replayed there.

    Raises:
        TaskNotFound: There is no such task in the tenant.
        TaskNotFinished: The run has not ended.
        HistoryDropped: Its months were dropped.
    """
    return replay(task_for(principal=principal, task_id=task_id))


def replay(task: Task, *, with_prompts: bool = True) -> ReplayReport:
    """Do the same for a task that the caller may see.

    Args:
        task: The run.
        with_prompts: Whether models must be asked the same, word for word; prompts are files that may be mended.

    Raises:
        TaskNotFinished: The run has not ended.
        HistoryDropped: Its months were dropped.
    """
    if task.status not in TASK_TERMINAL:
        raise TaskNotFinished(details={"task_id": str(task.id), "status": task.status})
    decisions = steps = effects = 0
    difference: Difference | None = None
    with transaction.atomic():
        history = history_of(task)
        try:
            decisions = decisions_replay(history)
            steps, effects = _steps_replay(history, with_prompts=with_prompts)
        except ReplayDiffers as error:
            difference = Difference(**_shown(error.details))
        transaction.set_rollback(True)
    return ReplayReport(task.id, task.strategy, decisions, steps, effects, difference)


def _steps_replay(history: History, *, with_prompts: bool) -> tuple[int, int]:
    facts = task_facts(history.task.id)
    again = [
        past
        for past in history.steps
        if past.status in _RUN_AGAIN and not past.is_copied and past.spec.kind not in NOT_RUN
    ]
    recorded = entry_sums(step_ids=[past.step_id for past in again])
    counts = {past.step_id: sum(recorded.get(past.step_id, {}).values()) for past in again}
    read = [effects_replay(past, facts, counts[past.step_id], with_prompts=with_prompts) for past in again]
    return len(again), sum(read)


def _shown(details: Mapping[str, Any]) -> dict[str, Any]:
    """Return a difference with its values cut."""
    cut = bounded_json({"recorded": details["recorded"], "replayed": details["replayed"]}, SHOWN_MAX_BYTES)
    return {**details, "recorded": cut.get("recorded", cut), "replayed": cut.get("replayed", cut)}
