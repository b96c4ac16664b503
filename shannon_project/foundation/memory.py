"""Memory of the process."""

import ctypes
import sys


def memory_trim() -> None:
    """Give back to the system what loading libraries left free: some 30 MB of a worker. Does nothing but on glibc."""
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
