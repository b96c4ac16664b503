"""The worker's side of one sandbox host: starts it, talks to it, ends it."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from sandbox.host import wire
from sandbox.host.options import HostOptions
from sandbox.host.wire import Frame, Wire
from sandbox.types import ExecutionRequest, ExecutionResult, SandboxLimits

_SOURCE_DIR = Path(__file__).resolve().parent.parent.parent
_STDERR_TAIL_BYTES = 2000
_ANSWER_SECONDS = 1.0  # for writing an answer into the pipe, although the program's time is over
OnCall = Callable[[str, Any], Mapping[str, Any]]  # name and arguments of a call outside → `value` or `error`
# Nothing of the worker's environment goes in: it holds keys of providers and servers.
_ENVIRONMENT = {"LANG": "C.UTF-8", "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"}


class HostGone(Exception):
    """The host ended before the program ran: another host can run it."""


class HostBroken(Exception):
    """The host cannot load the guest, nor would another one: the installation's fault."""


class HostCrashed(Exception):
    """The host ended, or broke the protocol, while the program ran: the program's fault."""


class HostOverdue(Exception):
    """The host did not end the program in time, although the program's clock is its to keep."""


class HostCannot(Exception):
    """The host's runtime cannot run this program, and is ready for another one."""


class HostProcess:
    """One sandbox host. Used by one thread at a time."""

    def __init__(self, options: HostOptions) -> None:
        """Start the process. Call it on a thread that lives as long as the worker.

        The kernel's death signal goes out when the *thread* that started a process ends (prctl(2), PR_SET_PDEATHSIG).

        Raises:
            OSError: The process cannot be started.
        """
        self.last_run_done = False  # True: it has said that it serves no other run
        self._stderr: IO[bytes] = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed with the host
        environment = _ENVIRONMENT | {"HOME": options.cache_dir, "TMPDIR": options.cache_dir}
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            [sys.executable, "-m", "sandbox.host", options.as_argument()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            cwd=_SOURCE_DIR,
            env=environment,
            close_fds=True,
            start_new_session=True,
        )
        reads, writes = self._process.stdout, self._process.stdin
        if reads is None or writes is None:
            raise OSError("the process was started without its pipes")
        self._wire = Wire(read_fd=reads.fileno(), write_fd=writes.fileno(), frame_max_bytes=options.frame_max_bytes)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def warm(self, *, guest: str, limits: SandboxLimits, timeout_seconds: float) -> None:
        """Have the host load a guest.

        Raises:
            HostGone: It ended; the message has the end of what it wrote to standard error.
            HostBroken: It cannot.
        """
        frame = Frame(wire.WARM, {"guest": guest, "limits": asdict(limits)})
        self._load(frame, wire.READY, time.monotonic() + timeout_seconds)

    def run(
        self,
        request: ExecutionRequest,
        *,
        limits: SandboxLimits,
        start_seconds: float,
        grace_seconds: float,
        on_call: OnCall,
    ) -> ExecutionResult:
        """Run one program.

        Args:
            request: What to run.
            limits: Its limits.
            start_seconds: Time for taking the request and loading the guest, which may have to be compiled; and, once
                the program has ended, for sending what it left.
            grace_seconds: Time beyond the program's own `wall_seconds` for the host to say that it has ended.
            on_call: Answers calls outside; should be back before the program's time is over.

        Raises:
            HostCannot: The runtime found that it cannot run this program.
            HostGone: The host ended before the program ran.
            HostBroken: The host cannot load the guest.
            HostCrashed: The host ended while the program ran.
            HostOverdue: The host did not answer in time; it should be ended.
        """
        self._load(wire.request_frame(request, limits), wire.RUNNING, time.monotonic() + start_seconds)
        try:
            self._ended(time.monotonic() + limits.wall_seconds + grace_seconds, on_call)
            frame = self._expect(wire.RESULT, time.monotonic() + start_seconds)
            result = wire.result_from(frame)
        except wire.WireTimeout as error:
            raise HostOverdue(str(error)) from error
        except (wire.WireClosed, wire.WireInvalid) as error:
            raise HostCrashed(self._why(error)) from error
        self.last_run_done = bool(frame.fields.get("last"))
        self._stderr.seek(0)  # the host shares this position: it writes from the beginning again
        self._stderr.truncate()  # a guest's traps must not fill the disk
        return result

    def kill(self) -> None:
        """Kill the host and everything that it may have started."""
        with suppress(ProcessLookupError, PermissionError):  # it has ended already
            os.killpg(self._process.pid, signal.SIGKILL)

    def end(self) -> None:
        """Kill the host, reap it and close its pipes. Not while another thread uses it."""
        self.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _load(self, frame: Frame, answer: str, deadline: float) -> None:
        try:
            self._wire.send(frame, deadline=deadline)
            self._expect(answer, deadline)
        except wire.WireClosed as error:
            raise HostGone(self._why(error)) from error
        except (wire.WireInvalid, wire.WireTimeout) as error:
            raise HostBroken(self._why(error)) from error

    def _ended(self, deadline: float, on_call: OnCall) -> None:
        while (frame := self._wire.receive(deadline=deadline)).kind == wire.CALL:
            answer = Frame(wire.ANSWER, on_call(str(frame.fields.get("name", "")), frame.fields.get("arguments")))
            with suppress(wire.WireClosed):  # it had given the program up meanwhile: its result is in the pipe
                self._wire.send(answer, deadline=max(deadline, time.monotonic() + _ANSWER_SECONDS))
        if frame.kind == wire.UNSUPPORTED:
            raise HostCannot(str(frame.fields.get("message", "")))
        if frame.kind != wire.ENDED:
            raise wire.WireInvalid(f"{frame.kind} instead of {wire.ENDED}: {frame.fields.get('message', '')}")

    def _expect(self, kind: str, deadline: float) -> Frame:
        frame = self._wire.receive(deadline=deadline)
        if frame.kind != kind:
            raise wire.WireInvalid(f"{frame.kind} instead of {kind}: {frame.fields.get('message', '')}")
        return frame

    def _why(self, error: Exception) -> str:
        code = self._process.poll()
        end = max(0, os.fstat(self._stderr.fileno()).st_size - _STDERR_TAIL_BYTES)
        tail = os.pread(self._stderr.fileno(), _STDERR_TAIL_BYTES, end).decode(errors="replace").strip()
        state = "is still running" if code is None else f"ended with {_exit_name(code)}"
        return f"the sandbox host {state} ({error}){': ' + tail if tail else ''}"


def _exit_name(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
