"""Database connections and the pool."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from shannon_project.foundation.coroutines import coroutine_here, outside
from shannon_project.foundation.postgres.cursors import PreparedCursor

T = TypeVar("T")


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
    made = PreparedCursor(wrapper.connection)
    made.after, made.wait_for_all = wrapper.mark_end, wrapper.wait_for_all
    cursor: CursorWrapper = wrapper._prepare_cursor(made)
    return cursor


@contextmanager
def pipelined_transaction() -> Iterator[None]:
    """Open a transaction whose statements do not wait for each other; it waits where an answer is read, and at its end.

    BEGIN goes with the first statement, COMMIT with those whose answers were not read: those of `prepared_cursor`. Any
    other cursor waits, and the ORM's do. An error is raised where the next answer is read, at the latest at the end of
    the savepoint or by the commit, which then has not happened. Inside another transaction it is a savepoint like any.
    """
    if connection.in_atomic_block or not settings.SHANNON_DATABASE_PREPARES:
        with transaction.atomic():
            yield
        return
    wrapper: Any = connection
    with wrapper.pipelining(), transaction.atomic():
        yield


def when_answered(read: Callable[[], None]) -> None:
    """Read an answer for which nobody waits: at once where it is there, in a pipelined transaction after the commit."""
    wrapper: Any = connection
    if wrapper._pipeline is None:
        read()
    else:
        transaction.on_commit(read)


@contextmanager
def rows_unread() -> Iterator[None]:
    """Let the ORM not wait, in a pipelined transaction: for rows that are inserted and of which nothing is read."""
    wrapper: Any = connection
    with wrapper.orm_unread():
        yield


@contextmanager
def pipelined() -> Iterator[None]:
    """Send the statements of the block together, in one round trip; their results can be read when it has ended.

    Outside of a transaction they are one together. A statement that fails fails the block.
    """
    if not connection.in_atomic_block:
        with pipelined_transaction():
            yield
        return
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
        rows = cursor.fetchall()  # first: in a pipeline there is no description before
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in rows]


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
