"""What many bring at the same moment is done together, by one of them; who is alone does it for itself at once.

A thousand that do the same each for itself would wait for each other's locks, commits and round trips. So whoever
comes first acts, and whoever comes meanwhile waits here; then one of those who wait acts for all of them.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from shannon_project.foundation.coroutines import coroutine_here

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Result = TypeVar("Result")

_YOUR_TURN: Final = object()


@dataclass(slots=True)
class _Entry(Generic[Item]):
    item: Item
    is_waited_for: bool = True
    done: "Future[Any]" = field(default_factory=Future)


def _nothing() -> None:
    """Keep what one has."""


class Together(Generic[Key, Item, Result]):
    """Thread-safe. While one of those who bring something acts, the others gather; then the next one acts for them.

    What belongs to different keys is done apart, at the same time. Nobody acts for others once its own is done, and no
    thread is kept. On an event loop a thread of the coroutine's pool acts.
    """

    def __init__(
        self,
        act: Callable[[Key, Sequence[Item]], Sequence[Result]],
        *,
        at_once: int,
        size: Callable[[Item], int] = lambda _: 1,
        leave: Callable[[], None] = _nothing,
    ) -> None:
        """Make one at which nobody waits.

        Args:
            act: Does what belongs to one key and returns a result for each item, in order; what it raises is raised to
                all of them.
            at_once: The most that is done together, by `size`.
            size: How much an item counts; one that is larger than `at_once` is done alone.
            leave: What a thread gives back before it waits for another one.
        """
        self._act = act
        self._at_once = at_once
        self._size = size
        self._leave = leave
        self._lock = threading.Lock()
        self._waiting: dict[Key, deque[_Entry[Item]]] = {}  # of each key for which somebody acts

    def do(self, key: Key, item: Item) -> Result:
        """Do it, with what others brought meanwhile; return what came of it.

        Raises:
            Exception: What `act` raised.
        """
        entry, here = _Entry(item), coroutine_here()
        leads = self._join(key, entry)
        while True:
            done = entry.done
            if leads and here is None:
                self._lead(key, entry)
            elif leads and here is not None:
                here.pool.submit(self._lead, key, entry)
            else:
                self._leave()
            found: Any = done.result() if here is None else here.wait(asyncio.wrap_future(done), is_interruptible=False)
            if found is not _YOUR_TURN:
                result: Result = found
                return result
            leads = True

    def soon(self, key: Key, item: Item) -> None:
        """Have it done after what came before it; nobody waits for it, but for whoever has a thread of its own."""
        here = coroutine_here()
        if here is None:
            self.do(key, item)
            return
        entry = _Entry(item, is_waited_for=False)
        if self._join(key, entry):
            here.pool.submit(self._lead, key, entry)

    def waiting(self, key: Key) -> int:
        """Return how many items wait until somebody acts for them."""
        with self._lock:
            return len(self._waiting.get(key, ()))

    def _join(self, key: Key, entry: _Entry[Item]) -> bool:
        """Gather with the others; return whether there is nobody who acts, so that one must."""
        with self._lock:
            leads = key not in self._waiting
            self._waiting.setdefault(key, deque()).append(entry)
            return leads

    def _lead(self, key: Key, own: _Entry[Item]) -> None:
        """Act until one's own is done and somebody waits, and hand the lead on to whoever waits longest."""
        while True:
            with self._lock:
                waiting = self._waiting[key]
                if own.done.done() and (following := _following(waiting)) is not None:
                    told, following.done = following.done, Future()
                    break
                if not waiting:
                    del self._waiting[key]
                    return
                batch = self._take(waiting)
            self._do(key, batch)
        told.set_result(_YOUR_TURN)

    def _take(self, waiting: deque[_Entry[Item]]) -> list[_Entry[Item]]:
        """Take those who wait, in their order, as far as they fit; one in any case."""
        taken = [waiting.popleft()]
        count = self._size(taken[0].item)
        while waiting and (count := count + self._size(waiting[0].item)) <= self._at_once:
            taken.append(waiting.popleft())
        return taken

    def _do(self, key: Key, batch: Sequence[_Entry[Item]]) -> None:
        try:
            found = list(zip(batch, self._act(key, [entry.item for entry in batch]), strict=True))
        except BaseException as error:  # noqa: BLE001 - it is raised to those who wait
            for entry in batch:
                entry.done.set_exception(error)
        else:
            for entry, result in found:
                entry.done.set_result(result)


def _following(waiting: deque[_Entry[Item]]) -> _Entry[Item] | None:
    return next((entry for entry in waiting if entry.is_waited_for), None)
