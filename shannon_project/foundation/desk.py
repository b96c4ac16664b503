"""What many threads bring at the same time, one of them does for all.

A thousand agents of one task would wait for each other's locks and commits, each holding a connection of the pool. So
whoever comes first acts, and whoever comes meanwhile waits here, without a connection; then one of those who wait acts
for all of them.
"""

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import structlog
from django.db import InterfaceError, InternalError, OperationalError, connection

from shannon_project.foundation.database import connection_release

log = structlog.get_logger(__name__)

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Result = TypeVar("Result")

# The server was lost, perhaps after the commit: that is everybody's trouble, and for each to judge.
EVERYBODYS_ERRORS = (OperationalError, InterfaceError, InternalError)


@dataclass(slots=True)
class _Slip(Generic[Item, Result]):
    """What one thread brought, and what became of it. Neither `acts` nor an end: the thread acts for itself alone."""

    item: Item
    called: threading.Event = field(default_factory=threading.Event)
    acts: bool = False
    result: Result | None = None
    error: Exception | None = None


class Desk(Generic[Key, Item, Result]):
    """Collects what threads bring while another one acts. Thread-safe.

    Attributes:
        act: Does what belongs to one key, in a transaction of its own, and returns a result for each item, in order;
            None: this one was not done, and its thread is to bring it alone. It never returns None for a single item.
        at_once: The most that is done together, by `size`.
        size: How much an item counts; one that is larger than `at_once` is done alone.
    """

    def __init__(
        self,
        act: Callable[[Key, Sequence[Item]], Sequence[Result | None]],
        *,
        at_once: int,
        size: Callable[[Item], int] = lambda _: 1,
    ) -> None:
        """Make one at which nobody waits."""
        self._act = act
        self._at_once = at_once
        self._size = size
        self._lock = threading.Lock()
        self._waiting: dict[Key, list[_Slip[Item, Result]]] = {}  # by each key for which somebody acts

    def bring(self, key: Key, item: Item) -> Result:
        """Do it, together with what others brought meanwhile; return what came of it.

        What cannot be done together is done apart: an error is told only to whom it belongs, unless the database was
        lost, which is told to everybody. Inside a transaction of the caller it is done alone.
        """
        if connection.in_atomic_block:
            return self._alone(key, item)
        slip: _Slip[Item, Result] = _Slip(item)
        with self._lock:
            if key in self._waiting:
                self._waiting[key].append(slip)
            else:
                self._waiting[key] = []
                slip.acts = True
        if not slip.acts:
            connection_release()  # who acts may need it
            slip.called.wait()
        if slip.acts:
            return self._for_all(key, slip)
        if slip.error is not None:
            raise slip.error
        return slip.result if slip.result is not None else self._alone(key, item)

    def waiting(self, key: Key) -> int:
        """Return how many threads wait until somebody acts for them."""
        with self._lock:
            return len(self._waiting.get(key, ()))

    def _alone(self, key: Key, item: Item) -> Result:
        (result,) = self._act(key, [item])
        if result is None:
            raise ValueError(f"what was brought alone for {key} was not done")
        return result

    def _for_all(self, key: Key, slip: _Slip[Item, Result]) -> Result:
        others = self._take(key, self._size(slip.item))
        try:
            result = self._together(key, slip, others) if others else None
            return self._alone(key, slip.item) if result is None else result
        finally:
            for other in others:
                other.called.set()
            self._hand_over(key)

    def _together(self, key: Key, slip: _Slip[Item, Result], others: Sequence[_Slip[Item, Result]]) -> Result | None:
        try:
            results = self._act(key, [each.item for each in (slip, *others)])
        except EVERYBODYS_ERRORS as error:
            for other in others:
                other.error = type(error)(*error.args)  # an error that several threads raise would mix their traces
            raise
        except Exception as error:  # noqa: BLE001 - whose it is shows when each acts alone
            log.info("done_apart", key=str(key), count=len(others) + 1, reason=repr(error)[:200])
            return None
        for other, result in zip(others, results[1:], strict=True):
            other.result = result
        return results[0]

    def _take(self, key: Key, count: int) -> list[_Slip[Item, Result]]:
        """Take those who wait, in their order, as far as they fit."""
        taken: list[_Slip[Item, Result]] = []
        with self._lock:
            waiting = self._waiting[key]
            while waiting and count + self._size(waiting[0].item) <= self._at_once:
                count += self._size(waiting[0].item)
                taken.append(waiting.pop(0))
        return taken

    def _hand_over(self, key: Key) -> None:
        """Let the next one act, if there is one."""
        with self._lock:
            waiting = self._waiting[key]
            if not waiting:
                del self._waiting[key]
                return
            following = waiting.pop(0)
        following.acts = True
        following.called.set()
