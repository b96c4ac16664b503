"""Importing a library without what it takes along only because that happens to be installed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def imported_without(*names: str) -> Iterator[None]:
    """Have modules look as if they were not installed, as far as they are not loaded yet.

    For libraries that take something up if it is there and do without it if it is not. Use it where such a library is
    imported first, before there are threads; whoever imports the hidden module afterwards gets it.

    Args:
        names: Modules, dotted.
    """
    hidden = [name for name in names if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # which is how Python marks one that is not there
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
