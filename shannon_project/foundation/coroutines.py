"""Plain code that can wait as a coroutine: one function serves a worker's thread and an event loop's thousand calls.

In a thread it blocks. Run by a `Coroutine` it is a greenlet on the event loop: where it would block it says so to one
of the functions here, and the loop goes on meanwhile, as in SQLAlchemy's asyncio extension. Code in a greenlet must
not ask the database itself: Django refuses that on an event loop, so a place that was forgotten fails and blocks none.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import Any, Generic, TypeVar

from greenlet import getcurrent, greenlet

T = TypeVar("T")


class Coroutine(Generic[T]):
    """Runs plain code on the event loop, once. `pool` has threads for what can only block."""

    def __init__(self, work: Callable[[], T], pool: Executor) -> None:
        """Take the code; nothing runs yet."""
        self.pool = pool
        self._greenlet = _Greenlet(work, self)
        self._task: asyncio.Task[Any] | None = None
        self._interruption: Exception | None = None
        self._is_interruptible = False

    async def run(self) -> T:
        """Run the code to its end.

        Raises:
            Exception: What the code raised.
        """
        self._task = asyncio.current_task()
        mine = self._greenlet
        mine.parent, mine.gr_context = getcurrent(), getcurrent().gr_context
        try:
            result: Any = mine.switch()
            while not mine.dead:
                try:
                    value = await result
                except BaseException:  # noqa: BLE001 - it belongs to the code that waits
                    result = mine.throw(*sys.exc_info())
                else:
                    result = mine.switch(value)
        finally:
            self._task = None
        ended: T = result
        return ended

    def interrupt(self, error: Exception) -> None:
        """End what the code waits for with an error, if that may be left, or else the next thing that may.

        Called on the loop's thread.
        """
        self._interruption = error
        if self._is_interruptible and self._task is not None:
            self._task.cancel()

    def wait(self, awaitable: Awaitable[Any], *, is_interruptible: bool) -> Any:
        """Let the loop go on until the awaitable is done; called by the code that runs here.

        Raises:
            Exception: What the awaitable raised, or what `interrupt` was given.
        """
        parent: Any = self._greenlet.parent
        if not is_interruptible:
            return parent.switch(awaitable)
        if self._interruption is not None:
            if (close := getattr(awaitable, "close", None)) is not None:
                close()
            raise self._interruption
        self._is_interruptible = True
        try:
            return parent.switch(awaitable)
        except asyncio.CancelledError:
            interruption = self._interrupted_by()
            if interruption is None or self._task is None:
                raise
            self._task.uncancel()
            raise interruption from None
        finally:
            self._is_interruptible = False

    def _interrupted_by(self) -> Exception | None:
        return self._interruption


class _Greenlet(greenlet):
    def __init__(self, work: Callable[[], Any], coroutine: Coroutine[Any]) -> None:
        super().__init__(work)
        self.coroutine = coroutine


def coroutine_here() -> Coroutine[Any] | None:
    """Return what runs this code on an event loop; None: it has a thread."""
    running = getcurrent()
    return running.coroutine if isinstance(running, _Greenlet) else None


def pause(seconds: float) -> None:
    """Sleep; on an event loop this may be left."""
    here = coroutine_here()
    if here is None:
        time.sleep(seconds)
    else:
        here.wait(asyncio.sleep(seconds), is_interruptible=True)


def outside(work: Callable[[], T]) -> T:
    """Do what can only block: here in a thread, and in a thread of the pool on an event loop."""
    here = coroutine_here()
    if here is None:
        return work()
    done: T = here.wait(asyncio.get_running_loop().run_in_executor(here.pool, work), is_interruptible=False)
    return done
