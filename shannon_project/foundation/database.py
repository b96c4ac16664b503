"""Database connections and the pool."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from shannon_project.foundation.postgres.cursors import PreparedCursor


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
    made.wait_for_all = wrapper.wait_for_all
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


@contextmanager
def rows_unread() -> Iterator[None]:
    """Let the ORM not wait, in a pipelined transaction: for rows that are inserted and of which nothing is read."""
    wrapper: Any = connection
    with wrapper.orm_unread():
        yield


def connection_release() -> None:
    """Give this thread's connection back to the pool before a long wait outside the database.

    A worker runs more threads than the pool has connections; a thread that waits for a model must hold none.
    Does nothing inside a transaction.
    """
    if not connection.in_atomic_block:
        connection.close()
