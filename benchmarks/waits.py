"""Counts round trips to Postgres: how often a thread waits for an answer. In a pipeline one wait is for many."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import psycopg

# psycopg's names of what sends without waiting: in a pipeline a statement, at its beginning nothing at all.
_WAITS_IN_PIPELINE: Final = frozenset({"_fetch_gen", "_sync_gen", "_exit_gen"})
_WAITS_FOR_NOTHING: Final = frozenset({"_enter_gen", "_set_autocommit_gen"})


@dataclass(slots=True)
class Waits:
    """How often a thread has waited, and how long."""

    count: int = 0
    seconds: float = 0.0


@contextmanager
def waits_counted() -> Iterator[Waits]:
    """Count the waits of this thread, by the driver's own way of waiting."""
    waits, thread, wait = Waits(), threading.get_ident(), psycopg.Connection.wait

    def counted(self: Any, gen: Any, *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != thread or not _is_wait(self, gen.gi_code.co_name):
            return wait(self, gen, *args, **kwargs)
        waits.count += 1
        started = time.perf_counter()
        try:
            return wait(self, gen, *args, **kwargs)
        finally:
            waits.seconds += time.perf_counter() - started

    psycopg.Connection.wait = counted  # type: ignore[method-assign]
    try:
        yield waits
    finally:
        psycopg.Connection.wait = wait  # type: ignore[method-assign]


def _is_wait(connection: Any, name: str) -> bool:
    if name in _WAITS_FOR_NOTHING:
        return False
    is_pipeline = connection.pgconn.pipeline_status != psycopg.pq.PipelineStatus.OFF
    return name in _WAITS_IN_PIPELINE or not is_pipeline
