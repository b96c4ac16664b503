"""What many ask at the same moment is done together, by one of them; who is alone does it for itself at once."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from shannon_project.foundation.coroutines import coroutine_here

A = TypeVar("A")
R = TypeVar("R")

_YOUR_TURN: Final = object()


@dataclass(slots=True)
class _Entry:
    what: Any
    done: "Future[Any]" = field(default_factory=Future)


class Together(Generic[A, R]):
    """Thread-safe. While one of those who ask does the work, the others gather; then the next one does theirs.

    Nobody works on for others once its own is done, and no thread is kept. On an event loop the work has a thread of
    the coroutine's pool.
    """

    def __init__(self, work: Callable[[Sequence[A]], Sequence[R]], *, most: int) -> None:
        """Take the work.

        Args:
            work: Does it for several and returns what each gets; what it raises is raised to all of them.
            most: How many at once.
        """
        self._work = work
        self._most = most
        self._lock = threading.Lock()
        self._waiting: deque[_Entry] = deque()
        self._is_led = False

    def do(self, asked: A) -> R:
        """Return what the work gives for this.

        Raises:
            Exception: What the work raised.
        """
        entry = _Entry(asked)
        with self._lock:
            self._waiting.append(entry)
            leads = not self._is_led
            self._is_led = True
        here = coroutine_here()
        while True:
            done = entry.done
            if leads and here is None:
                self._lead(entry)
            elif leads and here is not None:
                here.pool.submit(self._lead, entry)
            found: Any = done.result() if here is None else here.wait(asyncio.wrap_future(done), is_interruptible=False)
            if found is not _YOUR_TURN:
                result: R = found
                return result
            leads = True

    def _lead(self, own: _Entry) -> None:
        """Work until one's own is done, and hand the lead on to whoever waits longest."""
        while not own.done.done():
            with self._lock:
                batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            self._do(batch)
        with self._lock:
            if not self._waiting:
                self._is_led = False
                return
            following = self._waiting[0]
            told, following.done = following.done, Future()
        told.set_result(_YOUR_TURN)

    def _do(self, batch: Sequence[_Entry]) -> None:
        try:
            found = list(zip(batch, self._work([entry.what for entry in batch]), strict=True))
        except BaseException as error:  # noqa: BLE001 - it is raised to those who wait
            for entry in batch:
                entry.done.set_exception(error)
        else:
            for entry, result in found:
                entry.done.set_result(result)
