"""The worker's side of the process that hosts are forked from."""

import os
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO

from sandbox.host import forking
from sandbox.host.options import HostOptions

_SOURCE_DIR = Path(__file__).resolve().parent.parent.parent
_STDERR_TAIL_BYTES = 2000
_END_SECONDS = 5.0  # to end all hosts, before it is killed itself
# Nothing of the worker's environment goes in: it holds keys of providers and servers.
_ENVIRONMENT = {"LANG": "C.UTF-8", "PYTHONUTF8": "1"}


class ZygoteGone(Exception):
    """The process that hosts are forked from has ended, and its hosts with it; another one can be started."""


class Zygote:
    """Starts, watches and ends the hosts of one runtime. Thread-safe."""

    def __init__(self, options: HostOptions, *, start_seconds: float) -> None:
        """Start the process. Call it on a thread that lives as long as the worker.

        The kernel's death signal goes out when the *thread* that started a process ends (prctl(2), PR_SET_PDEATHSIG).

        Args:
            options: How each host works.
            start_seconds: How long the first host may take to be forked, since the runtime is loaded before.

        Raises:
            OSError: The process cannot be started.
        """
        self._lock = threading.Lock()
        self._asks, theirs = socket.socketpair()
        self._asks.settimeout(start_seconds)
        self._stderr: IO[bytes] = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed with the process
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
                [sys.executable, "-m", "sandbox.host", options.as_argument()],
                stdin=theirs.fileno(),
                stdout=self._stderr,
                stderr=self._stderr,
                cwd=_SOURCE_DIR,
                env={**options.environment, **_ENVIRONMENT, "HOME": options.cache_dir, "TMPDIR": options.cache_dir},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def fork(self, descriptors: tuple[int, int, int, int]) -> int:
        """Start a host with these descriptors, which this process may close then; returns its process id.

        Raises:
            ZygoteGone: There is no process to fork from, or it could not load the runtime; the message says why.
        """
        return self._answer(forking.FORK, 0, descriptors)

    def kill(self, pid: int) -> None:
        """Kill a host and everything that it may have started."""
        with suppress(ZygoteGone):  # then it has ended
            self._answer(forking.KILL, pid)

    def reap(self, pid: int) -> None:
        """Kill a host, and wait until it is gone."""
        with suppress(ZygoteGone):
            self._answer(forking.WAIT, pid)

    def exit_code(self, pid: int) -> int | None:
        """Return how a host ended, negative for a signal; None while it runs."""
        try:
            answer = self._answer(forking.STATE, pid)
        except ZygoteGone:
            return self._process.poll()
        return None if answer == forking.RUNNING else answer

    def end(self) -> None:
        """End the process and all of its hosts."""
        with self._lock:
            self._asks.close()
            try:
                self._process.wait(timeout=_END_SECONDS)
            except subprocess.TimeoutExpired:  # somebody stopped it; its hosts end with it
                self._process.kill()
                self._process.wait()
            self._stderr.close()

    def _answer(self, kind: bytes, pid: int, descriptors: tuple[int, ...] = ()) -> int:
        with self._lock:
            if self._asks.fileno() < 0:
                raise ZygoteGone("it was ended")
            try:
                socket.send_fds(self._asks, [forking.REQUEST.pack(kind, pid)], descriptors)
                answer = self._asks.recv(forking.ANSWER.size)
            except OSError as error:
                self._asks.close()  # an answer that comes too late would be taken for that of the next request
                raise ZygoteGone(self._why(str(error))) from error
            if len(answer) < forking.ANSWER.size:
                self._asks.close()
                raise ZygoteGone(self._why("end of file"))
        return int(forking.ANSWER.unpack(answer)[0])

    def _why(self, reason: str) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=1.0)  # what it says last
        end = max(0, os.fstat(self._stderr.fileno()).st_size - _STDERR_TAIL_BYTES)
        tail = os.pread(self._stderr.fileno(), _STDERR_TAIL_BYTES, end).decode(errors="replace").strip()
        return f"the process that sandbox hosts are forked from is gone ({reason}){': ' + tail if tail else ''}"
