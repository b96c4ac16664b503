"""Doing several things at the same time, each in a thread of its own."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

from shannon_project.foundation.database import connection_release

T = TypeVar("T")


def as_they_end(works: Sequence[Callable[[], T]]) -> Iterator[tuple[int, Future[T]]]:
    """Do the works at the same time and yield the number of each, and how it ended, when it has.

    The threads are daemons: one that hangs for ever must not keep the process from ending. Each has the caller's
    context (whose log lines it writes) and gives its database connection back.
    """
    done: SimpleQueue[tuple[int, Future[T]]] = SimpleQueue()
    for number, work in enumerate(works):
        run = partial(copy_context().run, _worked, work, number, done)
        threading.Thread(target=run, name=f"effect-{number}", daemon=True).start()
    for _ in works:
        yield done.get()


def _worked(work: Callable[[], T], number: int, done: "SimpleQueue[tuple[int, Future[T]]]") -> None:
    future: Future[T] = Future()
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - it is raised where the result is taken
        future.set_exception(error)
    finally:
        connection_release()
        done.put((number, future))
