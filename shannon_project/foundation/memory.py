"""Memory of the process. Only glibc has these; elsewhere they do nothing."""

import ctypes
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

ARENAS: Final = 2  # glibc's default is eight for each core, and what one thread frees there, another cannot take
# What is large for a row (`SHANNON_INLINE_MAX_BYTES`) is large here. glibc begins with twice as much, and raises it to
# the size of what was freed last.
MAPPED_FROM_BYTES: Final = 64 * 1024
_M_ARENA_MAX: Final = -8  # malloc.h
_M_MMAP_THRESHOLD: Final = -3


def memory_thrift() -> None:
    """Have threads allocate from few arenas, and give large values back when they are freed. Call it before most start.

    Threads of one interpreter take turns anyway. A prompt of a megabyte that lay in an arena would keep it that large.
    """
    if (mallopt := _of_libc("mallopt")) is not None:
        mallopt(_M_ARENA_MAX, ARENAS)
        mallopt(_M_MMAP_THRESHOLD, MAPPED_FROM_BYTES)


@contextmanager
def memory_loaded() -> Iterator[None]:
    """Surround the loading of what stays: no collection looks through it, now or later; what is left free goes back.

    A collection of everything looks at a million objects that are never freed, which takes half a second of whatever
    call it falls into. In a process that is forked it would also write to the pages that all of them share.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
        memory_trim()
    finally:
        if was_enabled:
            gc.enable()


def memory_trim() -> None:
    """Give back to the system what loading libraries left free: some 15 MB."""
    if (trim := _of_libc("malloc_trim")) is not None:
        trim(0)


def _of_libc(name: str) -> Callable[..., int] | None:
    function: Callable[..., int] | None = getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
    return function
