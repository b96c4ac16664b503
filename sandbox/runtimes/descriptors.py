"""Captures what a guest writes to the descriptors 1 and 2 of this process.

The guest inherits the descriptors, so this sees its bytes as they are, in order, whichever way it writes them. A guest
that prints more than may be kept is held back by the full pipe: nothing reads on.
"""

import contextlib
import os
import select
from dataclasses import dataclass

from sandbox.runtimes.endings import Captured

_CHUNK_BYTES = 64 * 1024


@dataclass(slots=True)
class _Pipe:
    descriptor: int  # what the guest writes to
    read_fd: int
    write_fd: int
    own_fd: int  # where this process's own words go between two runs


class Descriptors:
    """The pipes of one process."""

    def __init__(self) -> None:
        """Make the pipes; descriptors 1 and 2 stay what they are."""
        self._pipes = [_pipe(descriptor) for descriptor in (1, 2)]
        self._are_redirected = False

    def redirect(self) -> None:
        """Have what is written to 1 and 2 go into the pipes. What is left in them from before is thrown away."""
        if self._are_redirected:
            return
        for pipe in self._pipes:
            _emptied(pipe.read_fd)
            os.dup2(pipe.write_fd, pipe.descriptor, inheritable=False)
        self._are_redirected = True

    def restore(self) -> None:
        """Make 1 and 2 what they were."""
        for pipe in self._pipes if self._are_redirected else ():
            os.dup2(pipe.own_fd, pipe.descriptor, inheritable=False)
        self._are_redirected = False

    def arrivals(self) -> select.poll:
        """Return what tells, by `poll`, that a guest has written something."""
        poller = select.poll()
        for pipe in self._pipes:
            poller.register(pipe.read_fd, select.POLLIN)
        return poller

    def collect(self, captured: tuple[Captured, Captured]) -> None:
        """Read what is in the pipes now; a guest that goes on writing is not followed beyond what may be kept.

        Args:
            captured: Where standard output and standard error go.
        """
        for pipe, kept in zip(self._pipes, captured, strict=True):
            try:
                while not kept.truncated:
                    chunk = os.read(pipe.read_fd, _CHUNK_BYTES)
                    kept.add(chunk)
                    if len(chunk) < _CHUNK_BYTES:
                        break  # the pipe is empty, or was a moment ago
            except BlockingIOError:
                continue


def _pipe(descriptor: int) -> _Pipe:
    own_fd = os.dup(descriptor)
    read_fd, write_fd = os.pipe()
    os.set_blocking(read_fd, False)
    return _Pipe(descriptor, read_fd, write_fd, own_fd)


def _emptied(read_fd: int) -> None:
    """Throw away what is in the pipe, which no guest writes to now."""
    with contextlib.suppress(BlockingIOError):
        while os.read(read_fd, _CHUNK_BYTES):
            pass
