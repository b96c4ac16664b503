"""The first steps of a task in the transaction that inserts it: a commit, a message and a control job less.

A strategy is pure and knows nothing yet but the request, so what it wants first is known before the task is inserted.
What is wide, or breaks, or ends the task at once is left to a control worker, as everything that comes later is.
"""

import json
from dataclasses import dataclass
from typing import Final, Self

import structlog

from orchestration.engine.slots import TakenSlots, slots_take
from orchestration.engine.spawning import SpawnedRows, spawn_drafts
from orchestration.events.write import EventDraft
from orchestration.models import Task
from orchestration.strategies import Spawn, next_move, strategy_for
from orchestration.types import TaskView
from shannon_project.foundation.errors import DEFECTS, ShannonError

log = structlog.get_logger(__name__)

STEPS_AT_ONCE: Final = 16  # a request waits for them; a wider plan is a control worker's


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a new task begins with."""

    _task: Task
    _rows: SpawnedRows
    drafts: tuple[EventDraft, ...]
    """What is told of it, after what is told of the task."""

    @classmethod
    def of(cls, task: Task) -> Self | None:
        """Return what a task that is not inserted yet begins with; None: that is for a control worker to find out."""
        try:
            parameters = json.loads(json.dumps(task.parameters))  # as a control worker would read them
            view = TaskView(task_id=task.id, query=task.query, parameters=parameters, steps={})
            move = next_move(strategy_for(task.strategy, parameters), view)
            if not isinstance(move, Spawn) or len(move.steps) > STEPS_AT_ONCE:
                return None
            return cls(task, SpawnedRows(task, view, move), tuple(spawn_drafts(move)))
        except (ShannonError, *DEFECTS):
            log.exception("task_not_begun", strategy=task.strategy, task_id=str(task.id))
            return None

    def insert(self) -> None:
        """Insert the steps, after the task."""
        self._rows.insert()

    def slots(self) -> TakenSlots:
        """Take slots for them, as the last in the transaction: other tasks of the tenant wait until it is committed."""
        return slots_take(self._task)
