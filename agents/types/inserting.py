"""Who inserts the row of something new."""

from collections.abc import Callable
from uuid import UUID

Insert = Callable[[Callable[[], UUID]], None]
"""Who inserts the row of something new: calls what it is given, which returns the row's id, perhaps with more."""


def inserted(insert: Callable[[], UUID]) -> None:
    """Insert a row and nothing with it: the usual `Insert`."""
    insert()
