"""Processes that are forked from one which has loaded everything, and kept alive by it.

They share its memory until one of them writes to a page (fork(2)): each further one costs what it changes, and begins
at once. A fork takes along one thread and no other, and two processes must not read from one connection. So whoever
forks has one thread, no connection and no event loop, and never does anything but fork.
"""

import ctypes
import os
import signal
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

log = structlog.get_logger(__name__)

SOUND_SECONDS: Final = 10.0  # a process that ends earlier counts as a failed start
FAILED_MOST: Final = 4  # failed starts in a row, each waited for a second longer, after which whoever forks gives up
ENDING_SECONDS: Final = 30.0  # in which threads that are about to end have to
_POLL_SECONDS: Final = 0.01
_ENDING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
_HEARD: Final = (*_ENDING, signal.SIGCHLD)
_PR_SET_PDEATHSIG: Final = 1  # prctl(2)
_place = 0


def place() -> int:
    """Return which of the forked processes this one is, from 0; 0 in a process that was not forked."""
    return _place


def forked(count: int) -> int:
    """Fork `count` processes, and return in each of them, with its place.

    The process that forks does not return. It forks again when one of them has ended, until a signal ends it: SIGTERM,
    SIGINT and SIGQUIT are handed on, SIGHUP as SIGTERM, and it waits for all. If it is killed, they get SIGTERM.

    Args:
        count: How many are kept, from 1.

    Raises:
        RuntimeError: This process has more than one thread; whoever started them has to wait until it is forked.
        SystemExit: In the process that forks, when all others have ended: 0 after a signal, else the code of the one
            that could not work.
    """
    end = time.monotonic() + ENDING_SECONDS
    while (threads := _thread_count()) != 1:
        if time.monotonic() > end:
            raise RuntimeError(f"this process has {threads} threads; a fork would take only one of them")
        time.sleep(_POLL_SECONDS)
    return _Forker(count).fork()


@dataclass(frozen=True, slots=True)
class _Sibling:
    """One that lives. `begun_at_seconds` is on `time.monotonic()`'s clock."""

    place: int
    begun_at_seconds: float


class _Forker:
    """What forks, and keeps those that it has forked."""

    def __init__(self, count: int) -> None:
        self._pid = os.getpid()
        self._begun_at_seconds = time.monotonic()
        self._alive: dict[int, _Sibling] = {}
        self._missing = deque(range(count))
        self._failed = 0  # starts in a row
        self._not_before_seconds = 0.0
        self._is_ending = False
        self._exit_code = 0

    def fork(self) -> int:
        """Return in each process that is forked."""
        # Signals are taken one after another where they are waited for: no handler can run in the middle of a fork.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
        while self._alive or not self._is_ending:
            if self._missing and time.monotonic() >= self._not_before_seconds:
                next_place = self._missing.popleft()
                if self._fork_one(next_place):
                    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
                    return next_place
                continue
            self._wait()
        sys.exit(self._exit_code)

    def _fork_one(self, its_place: int) -> bool:
        """Fork one; returns whether this is it."""
        global _place  # noqa: PLW0603 - one per process, set once, before anything runs in it
        pid = os.fork()
        if pid:
            self._alive[pid] = _Sibling(its_place, time.monotonic())
            return False
        _place = its_place
        _end_with(self._pid)
        return True

    def _wait(self) -> None:
        """Wait for a signal, or until the next one may be forked."""
        if self._missing:
            came = signal.sigtimedwait(_HEARD, max(0.0, self._not_before_seconds - time.monotonic()))
        else:
            came = signal.sigwaitinfo(_HEARD)
        if came is not None and came.si_signo in _ENDING:
            self._end(came.si_signo)
        self._reap()

    def _reap(self) -> None:
        while self._alive:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self._ended(pid, self._alive.pop(pid), os.waitstatus_to_exitcode(status))

    def _ended(self, pid: int, sibling: _Sibling, exit_code: int) -> None:
        if self._is_ending:
            return
        now = time.monotonic()
        seconds = now - sibling.begun_at_seconds
        log.warning(
            "process_ended", place=sibling.place, pid=pid, exit_code=exit_code, seconds=round(seconds, 1)
        )  # negative for a signal
        self._failed = self._failed + 1 if seconds < SOUND_SECONDS else 0
        cannot_begin = exit_code > 0 and now - self._begun_at_seconds < SOUND_SECONDS
        if cannot_begin or self._failed > FAILED_MOST:
            log.error("processes_keep_ending", exit_code=exit_code)
            self._exit_code = exit_code if exit_code > 0 else 1
            self._end(signal.SIGTERM)  # whoever supervises this process knows what to do about it
            return
        self._missing.append(sibling.place)
        self._not_before_seconds = now + self._failed

    def _end(self, signal_number: int) -> None:
        self._is_ending = True
        self._missing.clear()
        for pid in self._alive:  # none of them is reaped, so the number is still its own
            os.kill(pid, signal.SIGTERM if signal_number == signal.SIGHUP else signal_number)


def _end_with(parent_pid: int) -> None:
    """Have this process get SIGTERM when the one that forked it is gone, however it went."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent_pid:  # it went before
            os.kill(os.getpid(), signal.SIGTERM)


def _thread_count() -> int:
    """Return how many threads this process has, those of libraries included where the system tells of them."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.is_dir() else threading.active_count()
