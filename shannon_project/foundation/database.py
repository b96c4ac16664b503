"""Database connections and the pool."""

from django.db import connection


def connection_release() -> None:
    """Give this thread's connection back to the pool before a long wait outside the database.

    A worker runs more threads than the pool has connections; a thread that waits for a model must hold none.
    Does nothing inside a transaction.
    """
    if not connection.in_atomic_block:
        connection.close()
