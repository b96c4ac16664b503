"""Memory of the process. Only glibc has these; elsewhere they do nothing."""

import ctypes
import sys
from collections.abc import Callable
from typing import Final

ARENAS: Final = 2  # glibc's default is eight for each core, and what one thread frees there, another cannot take
_M_ARENA_MAX: Final = -8  # malloc.h


def memory_arenas_limit() -> None:
    """Have threads allocate from few arenas: those of one interpreter take turns anyway. Call it before most start."""
    if (mallopt := _of_libc("mallopt")) is not None:
        mallopt(_M_ARENA_MAX, ARENAS)


def memory_trim() -> None:
    """Give back to the system what loading libraries left free: some 30 MB of a worker."""
    if (trim := _of_libc("malloc_trim")) is not None:
        trim(0)


def _of_libc(name: str) -> Callable[..., int] | None:
    function: Callable[..., int] | None = getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
    return function
