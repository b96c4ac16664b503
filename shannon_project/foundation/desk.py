"""Database work of many threads, done together where it can be: who waits for another thread holds no connection."""

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import structlog
from django.db import InterfaceError, InternalError, OperationalError, connection

from shannon_project.foundation.database import connection_release
from shannon_project.foundation.together import Together

log = structlog.get_logger(__name__)

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Result = TypeVar("Result")

APART_AT_ONCE: Final = 4  # threads of a process: more would hold connections while they wait for the same rows
# The server was lost, perhaps after the commit: that is everybody's trouble, and for each to judge.
EVERYBODYS_ERRORS = (OperationalError, InterfaceError, InternalError)


@dataclass(frozen=True, slots=True)
class _Lost:
    """The server was lost while it was done."""

    error: Exception


class Desk(Generic[Key, Item, Result]):
    """Does with `Together` what asks the database. Thread-safe.

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
        self._apart = threading.BoundedSemaphore(APART_AT_ONCE)
        self._together: Together[Key, Item, Result | _Lost | None] = Together(
            self._for_all, at_once=at_once, size=size, leave=connection_release
        )

    def bring(self, key: Key, item: Item) -> Result:
        """Do it, together with what others brought meanwhile; return what came of it.

        What cannot be done together is done apart: an error is told only to whom it belongs, unless the database was
        lost, which is told to everybody. Inside a transaction of the caller it is done alone.
        """
        if connection.in_atomic_block:
            return self._alone(key, item)
        result = self._together.do(key, item)
        if isinstance(result, _Lost):
            raise type(result.error)(*result.error.args)  # one error raised by several threads would mix their traces
        return self._after_others(key, item) if result is None else result

    def waiting(self, key: Key) -> int:
        """Return how many threads wait until somebody acts for them."""
        return self._together.waiting(key)

    def _after_others(self, key: Key, item: Item) -> Result:
        """Do alone what could not be done together: of hundreds a few at a time, and who waits holds no connection."""
        connection_release()
        with self._apart:
            try:
                return self._alone(key, item)
            finally:
                connection_release()

    def _alone(self, key: Key, item: Item) -> Result:
        (result,) = self._act(key, [item])
        if result is None:
            raise ValueError(f"what was brought alone for {key} was not done")
        return result

    def _for_all(self, key: Key, items: Sequence[Item]) -> Sequence[Result | _Lost | None]:
        if len(items) == 1:
            return [self._alone(key, items[0])]
        try:
            return self._act(key, items)
        except EVERYBODYS_ERRORS as error:
            log.info("lost_together", key=str(key), count=len(items), reason=repr(error)[:200])
            return [_Lost(error)] * len(items)
        except Exception as error:  # noqa: BLE001 - whose it is shows when each acts alone
            log.info("done_apart", key=str(key), count=len(items), reason=repr(error)[:200])
            return [None] * len(items)
