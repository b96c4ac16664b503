"""Outcomes of one task that several threads of this process have at the same time are written in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from orchestration.engine.outcome import StepEnd, Written, outcomes_write
from shannon_project.foundation.desk import Desk

STEPS_AT_ONCE: Final = 128  # in one transaction: a wide one would hold up the task's other writers

Write = Callable[[UUID, Sequence[StepEnd]], Written]


class OutcomeDesk:
    """Collects what threads have to write while another one writes. Thread-safe."""

    def __init__(self, write: Write = outcomes_write) -> None:
        """Make one with nothing to write; `write` writes ends of one task."""
        self._write = write
        self.desk: Desk[UUID, Sequence[StepEnd], Written] = Desk(self._act, at_once=STEPS_AT_ONCE, size=len)

    def write(self, task_id: UUID, ends: Sequence[StepEnd]) -> Written:
        """Write the ends, with those of other threads if there are any; see `outcomes_write`.

        What cannot be written together is written apart: an error is told only to whom it belongs.

        Returns:
            What was changed of the own steps; what became ready is told to one of those who wrote together.
        """
        return self.desk.bring(task_id, ends)

    def _act(self, task_id: UUID, brought: Sequence[Sequence[StepEnd]]) -> list[Written]:
        written = self._write(task_id, [end for ends in brought for end in ends])
        first, *others = (_part(written, ends) for ends in brought)
        has_open = written.has_open if written.has_open is None else True
        return [first, *(replace(part, newly_ready=0, has_open=has_open) for part in others)]


def _part(written: Written, ends: Sequence[StepEnd]) -> Written:
    """Return what of it is one thread's."""
    return replace(written, step_ids=written.step_ids & {end.step.step_id for end in ends})


DESK = OutcomeDesk()
