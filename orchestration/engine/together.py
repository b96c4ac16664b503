"""Outcomes of one task that several threads of this process have at the same time are written in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

import structlog

from orchestration.engine.advance import MoveOn
from orchestration.engine.outcome import StepEnd, Written, outcomes_write
from shannon_project.foundation.desk import EVERYBODYS_ERRORS, Desk

log = structlog.get_logger(__name__)

STEPS_AT_ONCE: Final = 128  # in one transaction: a wide one would hold up the task's other writers

Write = Callable[[UUID, Sequence[StepEnd], MoveOn | None], Written]


@dataclass(frozen=True, slots=True)
class _Brought:
    """What one thread brings. `move_on` None: the task is not to be moved on with it."""

    ends: Sequence[StepEnd]
    move_on: MoveOn | None


class OutcomeDesk:
    """Collects what threads have to write while another one writes. Thread-safe."""

    def __init__(self, write: Write = outcomes_write) -> None:
        """Make one with nothing to write; `write` writes ends of one task."""
        self._write = write
        self.desk: Desk[UUID, _Brought, Written] = Desk(
            self._act, at_once=STEPS_AT_ONCE, size=lambda brought: len(brought.ends)
        )

    def write(self, task_id: UUID, ends: Sequence[StepEnd], *, move_on: MoveOn | None = None) -> Written:
        """Write the ends, with those of other threads if there are any; see `outcomes_write`.

        What cannot be written together is written apart: an error is told only to whom it belongs. The move that may
        follow the last end never is to blame: what fails with it is written without.

        Returns:
            What was changed of the own steps; what became ready is told to one of those who wrote together.
        """
        return self.desk.bring(task_id, _Brought(ends, move_on))

    def _act(self, task_id: UUID, brought: Sequence[_Brought]) -> list[Written]:
        ends = [end for each in brought for end in each.ends]
        move_on = next((each.move_on for each in brought if each.move_on is not None), None)
        written = self._written(task_id, ends, move_on)
        first, *others = (_part(written, each.ends) for each in brought)
        has_open = written.has_open if written.has_open is None else True
        return [first, *(replace(part, newly_ready=0, has_open=has_open, first_steps=()) for part in others)]

    def _written(self, task_id: UUID, ends: Sequence[StepEnd], move_on: MoveOn | None) -> Written:
        try:
            return self._write(task_id, ends, move_on)
        except EVERYBODYS_ERRORS:
            raise
        except Exception as error:
            if move_on is None or not move_on.has_begun:
                raise
            log.warning("task_not_moved_on", task_id=str(task_id), error=repr(error)[:500])
            return self._write(task_id, ends, None)


def _part(written: Written, ends: Sequence[StepEnd]) -> Written:
    """Return what of it is one thread's."""
    return replace(written, step_ids=written.step_ids & {end.step.step_id for end in ends})


DESK = OutcomeDesk()
