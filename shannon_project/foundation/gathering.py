"""Writes that need not be made one by one: gathered while several things are done, they are one statement each."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

_gathered = threading.local()


@contextmanager
def writes_gathered() -> Iterator[None]:
    """Within, `write_soon` only collects, in this thread; at the end each kind is written, in the order of their first.

    Nothing is written when what is within raises. It must be the outermost one, in an open transaction.
    """
    kinds: dict[Callable[[Sequence[Any]], object], list[Any]] = {}
    _gathered.kinds = kinds
    try:
        yield
    finally:
        _gathered.kinds = None
    for write, items in kinds.items():
        write(items)


def write_soon(write: Callable[[Sequence[T]], object], item: T) -> None:
    """Write an item: now, or with others of its kind if writes are being gathered.

    Args:
        write: Writes several items, in one statement or so; the same function for all of a kind.
        item: What is to be written.
    """
    kinds = getattr(_gathered, "kinds", None)
    if kinds is None:
        write([item])
    else:
        kinds.setdefault(write, []).append(item)
