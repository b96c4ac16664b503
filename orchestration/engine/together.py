"""Outcomes of one task that several threads of this process have at the same time are written in one transaction.

Whoever writes outcomes holds the task's row lock. A thousand agents of one task that end together would wait for each
other's commits, each holding a connection of the pool. So the first writes, and whoever comes meanwhile waits here;
then one of those who wait writes for all of them.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError

from orchestration.engine.outcome import StepEnd, Written, outcomes_write
from shannon_project.foundation.errors import ShannonError

log = structlog.get_logger(__name__)

STEPS_AT_ONCE: Final = 128  # in one transaction: a wide one would hold up the task's other writers

Write = Callable[[UUID, Sequence[StepEnd]], Written]


@dataclass(slots=True)
class _Slip:
    """What one thread has to write, and what became of it. Neither result nor `writes`: it is to write its own."""

    ends: Sequence[StepEnd]
    called: threading.Event = field(default_factory=threading.Event)
    writes: bool = False
    written: Written | None = None


class OutcomeDesk:
    """Collects what threads have to write while another one writes. Thread-safe."""

    def __init__(self, write: Write = outcomes_write) -> None:
        """Make one with nothing to write; `write` writes ends of one task."""
        self._write = write
        self._lock = threading.Lock()
        self._waiting: dict[UUID, list[_Slip]] = {}  # of each task at whose outcomes somebody writes

    def write(self, task_id: UUID, ends: Sequence[StepEnd]) -> Written:
        """Write the ends, with those of other threads if there are any; see `outcomes_write`.

        What cannot be written together is written apart: an error is told only to whom it belongs.

        Returns:
            What was changed of the own steps; what became ready is told to one of those who wrote together.
        """
        slip = _Slip(ends)
        with self._lock:
            if task_id in self._waiting:
                self._waiting[task_id].append(slip)
            else:
                self._waiting[task_id] = []
                slip.writes = True
        if not slip.writes:
            slip.called.wait()
        if slip.writes:
            return self._write_for_all(task_id, slip)
        return slip.written if slip.written is not None else self._write(task_id, ends)

    def _write_for_all(self, task_id: UUID, slip: _Slip) -> Written:
        others = self._take(task_id, len(slip.ends))
        try:
            return self._write_with(task_id, slip, others)
        finally:
            for other in others:
                other.called.set()
            self._hand_over(task_id)

    def _write_with(self, task_id: UUID, slip: _Slip, others: Sequence[_Slip]) -> Written:
        if others:
            try:
                written = self._write(task_id, [end for each in (slip, *others) for end in each.ends])
            except (ShannonError, DatabaseError, InterfaceError, TypeError, ValueError) as error:
                log.info("outcomes_written_apart", steps=len(others) + 1, reason=repr(error)[:200])
            else:
                for other in others:
                    other.written = replace(_part(written, other), newly_ready=0)
                return _part(written, slip)
        return self._write(task_id, slip.ends)

    def _take(self, task_id: UUID, count: int) -> list[_Slip]:
        """Take those who wait, in their order, as far as they fit."""
        taken: list[_Slip] = []
        with self._lock:
            waiting = self._waiting[task_id]
            while waiting and count + len(waiting[0].ends) <= STEPS_AT_ONCE:
                count += len(waiting[0].ends)
                taken.append(waiting.pop(0))
        return taken

    def _hand_over(self, task_id: UUID) -> None:
        """Let the next one write, if there is one."""
        with self._lock:
            waiting = self._waiting[task_id]
            if not waiting:
                del self._waiting[task_id]
                return
            following = waiting.pop(0)
        following.writes = True
        following.called.set()


def _part(written: Written, slip: _Slip) -> Written:
    """Return what of it is one thread's."""
    return replace(written, step_ids=written.step_ids & {end.step.step_id for end in slip.ends})


DESK = OutcomeDesk()
