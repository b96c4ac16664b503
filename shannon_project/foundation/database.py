"""Database connections and the pool."""

from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from django.db.backends.utils import CursorWrapper


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


def connection_release() -> None:
    """Give this thread's connection back to the pool before a long wait outside the database.

    A worker runs more threads than the pool has connections; a thread that waits for a model must hold none.
    Does nothing inside a transaction.
    """
    if not connection.in_atomic_block:
        connection.close()
