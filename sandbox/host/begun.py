"""When a host's program began: a note on a pipe of its own.

The worker has to know whether a host that ended had begun its program, and when, should it be overdue. It looks only
then: a frame would wake it in the middle of each run, which takes longer than many a program. A note has the number of
its run, which host and worker count alike, so that the notes of earlier runs can stay where they are.
"""

import os
import struct
import time

_NOTE = struct.Struct("!Qd")  # number of the run; `time.monotonic()`, whose clock the processes of a machine share
_READ_BYTES = 64 * 1024
_THROWN_AWAY_RUNS = 100  # so often the notes of earlier runs are: the smallest pipe has room for 256


def begun(write_fd: int, run: int) -> None:
    """Note that the program of this run, counted from 1, begins now; called by the host. Never waits."""
    try:
        os.write(write_fd, _NOTE.pack(run, time.monotonic()))
    except OSError:
        return  # a full pipe has notes; without a worker there is nobody to tell


class Begun:
    """The worker's end of the pipe. Used by one thread at a time."""

    def __init__(self) -> None:
        """Make the pipe; `write_fd` is the host's, and closed here once the host has it."""
        self._read_fd, self.write_fd = os.pipe()
        for fd in (self._read_fd, self.write_fd):
            os.set_blocking(fd, False)
        self._run = 0
        self._at: float | None = None
        self._earliest = 0.0

    def next_run(self) -> None:
        """Forget the last run: the host is about to get another one."""
        self._run += 1
        if self._run % _THROWN_AWAY_RUNS == 0:
            self._noted()
        self._at, self._earliest = None, time.monotonic()

    def at(self) -> float | None:
        """Return when the program began, as `time.monotonic()`; None when it has not.

        What cannot be true, from a host that a guest has taken over, counts as a begin at the time of the request.
        """
        if self._at is None and (noted := self._noted()):
            whole = len(noted) - len(noted) % _NOTE.size
            notes = [said for run, said in _NOTE.iter_unpack(noted[:whole]) if run >= self._run]
            if notes or whole < len(noted):
                said = notes[0] if notes else self._earliest
                self._at = said if self._earliest <= said <= time.monotonic() else self._earliest
        return self._at

    def close(self) -> None:
        """Close the worker's end."""
        os.close(self._read_fd)

    def _noted(self) -> bytes:
        """Take the notes that are in the pipe; none at its end: the host is gone."""
        try:
            return os.read(self._read_fd, _READ_BYTES)
        except BlockingIOError:
            return b""
