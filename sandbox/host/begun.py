"""When a host's program began: a note on a pipe of its own.

The worker has to know whether a host that ended had begun its program, and when, should it be overdue. It looks only
then: a frame would wake it in the middle of each run, which takes longer than many a program.
"""

import os
import struct
import time
from contextlib import suppress

_NOTE = struct.Struct("!d")  # `time.monotonic()`, whose clock the processes of a machine share
_READ_BYTES = 4096


def begun(write_fd: int) -> None:
    """Note that the program begins now; called by the host, once for each run. Never waits."""
    with suppress(OSError):  # a full pipe has a note; without a worker there is nobody to tell
        os.write(write_fd, _NOTE.pack(time.monotonic()))


class Begun:
    """The worker's end of the pipe. Used by one thread at a time."""

    def __init__(self) -> None:
        """Make the pipe; `write_fd` is the host's, and closed here once the host has it."""
        self._read_fd, self.write_fd = os.pipe()
        for fd in (self._read_fd, self.write_fd):
            os.set_blocking(fd, False)
        self._at: float | None = None
        self._earliest = 0.0

    def next_run(self) -> None:
        """Forget the last run: the host is about to get another one."""
        with suppress(BlockingIOError):
            os.read(self._read_fd, _READ_BYTES)
        self._at, self._earliest = None, time.monotonic()

    def at(self) -> float | None:
        """Return when the program began, as `time.monotonic()`; None when it has not.

        A time that cannot be true, from a host that a guest has taken over, counts as that of the request.
        """
        if self._at is None:
            with suppress(BlockingIOError):
                noted = os.read(self._read_fd, _READ_BYTES)
                if noted:  # nothing at the end of the pipe: the host is gone
                    said = _NOTE.unpack_from(noted.ljust(_NOTE.size, b"\0"))[0]
                    self._at = said if self._earliest <= said <= time.monotonic() else self._earliest
        return self._at

    def close(self) -> None:
        """Close the worker's end."""
        os.close(self._read_fd)
