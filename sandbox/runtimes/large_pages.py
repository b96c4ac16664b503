"""Memory for a few large buffers in large pages, where the kernel has some ready.

An engine that reads a file of 48 MB and copies it touches 24,000 pages for the first time, each of them a trap into the
kernel: most of a host's start. With pages of 2 MiB that is 48 traps, and a third of the processor time for both
buffers. When the kernel has none ready it makes some, by moving other memory about, which takes longer than it saves;
so it is only asked for those that it has.

Linux with glibc only: elsewhere nothing happens. The calls: mallopt(3), malloc_trim(3), madvise(2).
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_TRIM_THRESHOLD_BYTES, _MMAP_MAX = 128 * 1024, 65_536  # glibc's own
_MADV_HUGEPAGE: Final = 14
_LARGE_BYTES: Final = 2 * 1024 * 1024
_LARGE_ORDER: Final = 9  # a block of that order has 2**9 pages
_FREE: Final = Path("/proc/buddyinfo")
_SPARE: Final = 2  # so many times what is wanted has to be free: others take some meanwhile


@contextmanager
def large_buffers(size_bytes: int) -> Iterator[None]:
    """Have the large buffers that malloc(3) makes meanwhile, of so many bytes together, lie in large pages.

    What is freed of them is given back at the end. For a process of which one thread allocates.
    """
    libc = _libc() if _large_free_bytes() >= _SPARE * size_bytes else None
    if libc is None:
        yield
        return
    # Large buffers come out of the heap from here on, not out of mappings of their own, and it does not shrink.
    libc.mallopt(_M_MMAP_MAX, 0)
    libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    try:
        if place := libc.malloc(size_bytes + _LARGE_BYTES):
            start = -(-place // _LARGE_BYTES) * _LARGE_BYTES
            libc.madvise(start, size_bytes // _LARGE_BYTES * _LARGE_BYTES, _MADV_HUGEPAGE)  # refused: small pages
            libc.free(place)
        yield
    finally:
        libc.mallopt(_M_MMAP_MAX, _MMAP_MAX)
        libc.mallopt(_M_TRIM_THRESHOLD, _TRIM_THRESHOLD_BYTES)
        libc.malloc_trim(0)


def _large_free_bytes() -> int:
    """Return how much memory is free in blocks from which a large page can be taken as it is; 0: not known."""
    try:
        lines = _FREE.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    blocks = [int(count) << order for line in lines for order, count in enumerate(line.split()[4 + _LARGE_ORDER :])]
    return sum(blocks) * _LARGE_BYTES


def _libc() -> ctypes.CDLL | None:
    """Return glibc; None: there is another library, or another system."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):
        return None
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    libc.malloc_trim.argtypes = [ctypes.c_size_t]
    return libc
