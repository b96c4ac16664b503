"""Cursors that may be used in a pipeline: one that always waits for its answer, and one that waits where it is read."""

from collections.abc import Callable
from typing import Any

import psycopg
from django.db.backends.postgresql import base


def _nothing_to_wait_for() -> None:
    """Outside of a pipeline each statement has its answer when it was executed."""


class WaitingCursor(base.Cursor):
    """Django's own cursor. The ORM looks at what a statement did as soon as it was executed, so it waits for that."""

    after: Callable[[], None] = staticmethod(_nothing_to_wait_for)

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        """Execute a statement and wait for its answer, and for those before it."""
        django: Any = super()  # its type stubs do not know the driver's part
        django.execute(query, params, **options)
        self.after()
        return self


class PreparedCursor(psycopg.Cursor[Any]):
    """Sends parameters apart from the statement, which the server then keeps parsed and planned."""

    _was_used = False
    after: Callable[[], None] = staticmethod(_nothing_to_wait_for)
    wait_for_all: Callable[[], None] = staticmethod(_nothing_to_wait_for)

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        """Execute a statement; in a pipeline its answer is waited for where it is read, or before the next."""
        if self._was_used and self.pgresult is None:
            self.wait_for_all()  # an answer that comes late would be taken for the next one's
        self._was_used = True
        super().execute(query, params, **{"prepare": True, **options})
        self.after()
        return self

    @property
    def rowcount(self) -> int:
        """How many rows the statement changed or found."""
        self._wait()
        return super().rowcount

    @property
    def description(self) -> Any:
        """The columns of the answer."""
        self._wait()
        return super().description

    def _wait(self) -> None:
        if self.pgresult is None:
            self.wait_for_all()

    def _convert_query(self, query: Any, params: Any = None) -> Any:
        self._query = converted = super()._convert_query(query, params)  # where Django's log of queries looks
        return converted
