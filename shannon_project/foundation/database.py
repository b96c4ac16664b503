"""Database connections and the pool."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from django.conf import settings
from django.db import connection
from django.db.backends.utils import CursorWrapper

from shannon_project.foundation.coroutines import coroutine_here, outside

T = TypeVar("T")


class _PreparedCursor(psycopg.Cursor[Any]):
    """Sends parameters apart from the statement, which the server then keeps parsed and planned."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        return super().execute(query, params, **{"prepare": True, **options})

    def _convert_query(self, query: Any, params: Any = None) -> Any:
        self._query = converted = super()._convert_query(query, params)  # where Django's log of queries looks
        return converted


def prepared_cursor() -> CursorWrapper:
    """Return a cursor for statements of fixed text that run often: the server plans them once a connection.

    Planning the statements of budgets or of a claim takes longer than running them. The text must not vary with its
    values: each text is another statement, and a connection keeps the last hundred. A plain cursor where
    `SHANNON_DATABASE_PREPARES` is off, for poolers that do not know prepared statements.
    """
    if not settings.SHANNON_DATABASE_PREPARES:
        return connection.cursor()
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    wrapper: Any = connection  # what follows is how Django makes its own cursors
    cursor: CursorWrapper = wrapper._prepare_cursor(_PreparedCursor(wrapper.connection))
    return cursor


@contextmanager
def pipelined() -> Iterator[None]:
    """Send the statements of the block together, in one round trip; their results can be read when it has ended.

    Outside of a transaction they are one together. A statement that fails fails the block.
    """
    connection.ensure_connection()
    raw: Any = connection.connection
    if not settings.SHANNON_DATABASE_PREPARES or raw._pipeline is not None:
        yield
        return
    with connection.wrap_database_errors, raw.pipeline():
        yield


def sent(statement: str, values: dict[str, Any]) -> CursorWrapper:
    """Execute a statement as `prepared_cursor` does, and return the cursor, to be read and closed by the caller."""
    cursor = prepared_cursor()
    cursor.execute(statement, values)
    return cursor


def rows_of(cursor: CursorWrapper) -> list[dict[str, Any]]:
    """Read all rows, by the names of their columns, and close the cursor."""
    with cursor:
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def in_database(work: Callable[[], T]) -> T:
    """Do what asks the database: here in a thread, and in a thread of its own for who runs on an event loop."""
    if coroutine_here() is None:
        return work()

    def apart() -> T:
        try:
            return work()
        finally:
            connection_release()

    return outside(apart)


def connection_release() -> None:
    """Give this thread's connection back to the pool before a long wait outside the database.

    A worker runs more threads than the pool has connections; a thread that waits for a model must hold none.
    Does nothing inside a transaction, nor on an event loop, where nobody has one.
    """
    if coroutine_here() is None and not connection.in_atomic_block:
        connection.close()
