"""Cursors that may be used in a pipeline: one that always waits for its answer, and one that waits where it is read."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import psycopg
from django.db.backends.postgresql import base

_TEXTS_MAX: Final = 512
_PLACEHOLDER: Final = re.compile(r"%(?:%|s|\((\w+)\)s)")


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


class PreparedCursor(psycopg.RawCursor[Any]):
    """Sends parameters apart from the statement, which the server then keeps parsed and planned.

    The driver looks for the placeholders of a text that is longer than 4,096 characters, as those of budgets are, at
    each execution; here each text is read once.
    """

    _was_used = False
    after: Callable[[], None] = staticmethod(_nothing_to_wait_for)
    wait_for_all: Callable[[], None] = staticmethod(_nothing_to_wait_for)

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        """Execute a statement; in a pipeline its answer is waited for where it is read, or before the next."""
        if self._was_used and self.pgresult is None:
            self.wait_for_all()  # an answer that comes late would be taken for the next one's
        self._was_used = True
        if params is not None:
            query, names = _numbered(query)
            params = params if names is None else [params[name] for name in names]
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


@lru_cache(_TEXTS_MAX)
def _numbered(text: str) -> tuple[bytes, tuple[str, ...] | None]:
    """Return a statement with `$1`, `$2`, … for `%s` or `%(name)s`, and the names in their order; None: no names."""
    names: dict[str, int] = {}
    count = 0

    def number(found: re.Match[str]) -> str:
        nonlocal count
        if found[0] == "%%":
            return "%"
        if found[1] is not None:
            return f"${names.setdefault(found[1], len(names) + 1)}"
        count += 1
        return f"${count}"

    numbered = _PLACEHOLDER.sub(number, text)
    return numbered.encode(), tuple(names) if names else None
