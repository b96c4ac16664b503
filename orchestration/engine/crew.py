"""A crew: the drainers that one message sends for, each in a thread of this process.

A job costs its worker, its sender and the broker some 3 ms of processor time, as much as a third of what a short agent
does. So the chord of a wide task has few messages, and each stands for many drainers.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection

from orchestration.engine.drain import drain

log = structlog.get_logger(__name__)

SPARE_THREADS: Final = 2  # when all others are at work these give back the slots of drainers that find no place


class Drain(Protocol):
    """Drains a task, beginning with a step; returns how many ended, see `drain.py`."""

    def __call__(self, task_id: UUID, *, first: UUID | None) -> int:
        """Do it."""


class Crew:
    """Has drainers work at the same time. Thread-safe; its threads are made when they are needed, and kept."""

    def __init__(self, drain: Drain = drain) -> None:
        """Make one without threads."""
        self._drain = drain
        self._lock = threading.Lock()
        self._threads = settings.CELERY_WORKER_CONCURRENCY
        self._pool: ThreadPoolExecutor | None = None

    def size_set(self, threads: int) -> None:
        """Say how many threads the process has for drainers; before the first crew works."""
        self._threads = threads

    def work(self, task_id: UUID, first_step_ids: Sequence[UUID]) -> int:
        """Run a drainer for each of the steps, one of them in the calling thread; one if there are none.

        Returns when the last of them has ended, with the number of steps that ended here. What breaks is logged: a job
        that raised would keep the chord's body from running.
        """
        own, *others = first_step_ids or (None,)
        sent = [self._threads_of().submit(self._drain_there, task_id, first) for first in others]
        return self._drain_safely(task_id, own) + sum(other.result() for other in sent)

    def _threads_of(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._threads + SPARE_THREADS, thread_name_prefix="crew")
            return self._pool

    def _drain_safely(self, task_id: UUID, first: UUID | None) -> int:
        try:
            return self._drain(task_id, first=first)
        except Exception:  # the outermost edge of a worker
            log.exception("drainer_broke", task_id=str(task_id))
            return 0

    def _drain_there(self, task_id: UUID, first: UUID | None) -> int:
        """Drain in a thread of the crew, which holds no connection afterwards; of its own threads Celery sees to it."""
        try:
            return self._drain_safely(task_id, first)
        finally:
            connection.close()


CREW = Crew()
