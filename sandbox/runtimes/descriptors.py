"""Captures what a guest writes to the descriptors 1 and 2 of this process, and watches it meanwhile.

The guest inherits the descriptors, so this sees its bytes as they are, in order, whichever way it writes them. A guest
that prints more than may be kept is held back by the full pipe: nothing reads on.
"""

import contextlib
import os
import select
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sandbox.runtimes.endings import TICK_SECONDS, Captured
from sandbox.types import Outcome

_CHUNK_BYTES = 64 * 1024
_SHORT_MS = 3.0  # how long a full pipe may hold a guest back, once a run, before it is read


@dataclass(slots=True)
class _Pipe:
    descriptor: int  # what the guest writes to
    read_fd: int
    write_fd: int
    own_fd: int  # where this process's own words go between two runs


class Descriptors:
    """The pipes of one process; `redirected` is entered for each run."""

    def __init__(self) -> None:
        """Make the pipes; descriptors 1 and 2 stay what they are until a run."""
        self._pipes = [_pipe(descriptor) for descriptor in (1, 2)]
        self._left = select.poll()
        for pipe in self._pipes:
            self._left.register(pipe.read_fd, select.POLLIN)

    @contextlib.contextmanager
    def redirected(self) -> Iterator[None]:
        """Have what is written to 1 and 2 go into the pipes. What is left in them from before is thrown away."""
        for read_fd, _ in self._left.poll(0):
            _emptied(read_fd)
        for pipe in self._pipes:
            os.dup2(pipe.write_fd, pipe.descriptor, inheritable=False)
        try:
            yield
        finally:
            for pipe in self._pipes:
                os.dup2(pipe.own_fd, pipe.descriptor, inheritable=False)

    def watch(
        self, done_fd: int, captured: tuple[Captured, Captured], limit_hit: Callable[[], Outcome | None]
    ) -> Outcome | None:
        """Collect output until `done_fd` can be read or a limit is hit; returns which one.

        Args:
            done_fd: Becomes readable when the guest has ended.
            captured: Where standard output and standard error go.
            limit_hit: Asked every `TICK_SECONDS`, and after output.
        """
        poller = select.poll()
        poller.register(done_fd, select.POLLIN)
        streams = {pipe.read_fd: kept for pipe, kept in zip(self._pipes, captured, strict=True)}
        if poller.poll(_SHORT_MS):  # most programs have ended by then, and nobody was woken for each line they print
            _drained(streams)
            return None
        for read_fd in streams:
            poller.register(read_fd, select.POLLIN)
        while True:
            ready = {fd for fd, _ in poller.poll(TICK_SECONDS * 1000)}
            for read_fd in ready & streams.keys():
                streams[read_fd].add(os.read(read_fd, _CHUNK_BYTES))
            if any(kept.truncated for kept in captured):
                return Outcome.OUTPUT_EXCEEDED
            stopped_for = None if done_fd in ready else limit_hit()
            if done_fd in ready or stopped_for is not None:
                _drained(streams)
                return stopped_for


def _pipe(descriptor: int) -> _Pipe:
    own_fd = os.dup(descriptor)
    read_fd, write_fd = os.pipe()
    os.set_blocking(read_fd, False)
    return _Pipe(descriptor, read_fd, write_fd, own_fd)


def _drained(streams: Mapping[int, Captured]) -> None:
    """Read what is in the pipes now; a guest that goes on writing is not followed beyond what may be kept."""
    for read_fd, kept in streams.items():
        with contextlib.suppress(BlockingIOError):
            while not kept.truncated:
                kept.add(os.read(read_fd, _CHUNK_BYTES))


def _emptied(read_fd: int) -> None:
    """Throw away what is in the pipe, which no guest writes to now."""
    with contextlib.suppress(BlockingIOError):
        while os.read(read_fd, _CHUNK_BYTES):
            pass
