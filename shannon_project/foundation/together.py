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
    is_waited_for: bool = True
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

    def soon(self, asked: A) -> None:
        """Have it done after what was asked before it; nobody waits for it, but for whoever has a thread of its own."""
        here = coroutine_here()
        if here is None:
            self.do(asked)
            return
        entry = _Entry(asked, is_waited_for=False)
        if self._join(entry):
            here.pool.submit(self._lead, entry)

    def do(self, asked: A) -> R:
        """Return what the work gives for this.

        Raises:
            Exception: What the work raised.
        """
        entry = _Entry(asked)
        leads = self._join(entry)
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

    def _join(self, entry: _Entry) -> bool:
        """Gather with the others; return whether there is nobody who leads, so that one must lead."""
        with self._lock:
            self._waiting.append(entry)
            leads = not self._is_led
            self._is_led = True
            return leads

    def _lead(self, own: _Entry) -> None:
        """Work until one's own is done and somebody waits, and hand the lead on to whoever waits longest."""
        while True:
            with self._lock:
                if own.done.done() and (following := self._following()) is not None:
                    told, following.done = following.done, Future()
                    break
                batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
                if not batch:
                    self._is_led = False
                    return
            self._do(batch)
        told.set_result(_YOUR_TURN)

    def _following(self) -> _Entry | None:
        return next((entry for entry in self._waiting if entry.is_waited_for), None)

    def _do(self, batch: Sequence[_Entry]) -> None:
        try:
            found = list(zip(batch, self._work([entry.what for entry in batch]), strict=True))
        except BaseException as error:  # noqa: BLE001 - it is raised to those who wait
            for entry in batch:
                entry.done.set_exception(error)
        else:
            for entry, result in found:
                entry.done.set_result(result)
