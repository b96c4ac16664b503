"""The worker's side of one sandbox host: starts it, talks to it, ends it."""

import os
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

from sandbox.host import messages, wire
from sandbox.host.begun import Begun
from sandbox.host.options import HostOptions
from sandbox.host.wire import Frame, Wire
from sandbox.host.zygote import Zygote
from sandbox.types import ExecutionRequest, ExecutionResult, SandboxLimits

_STDERR_TAIL_BYTES = 2000
_PIPE_SECONDS = 5.0  # for the rest of a frame that has begun, and for an answer, although the program's time is over
OnCall = Callable[[str, Any], Mapping[str, Any]]  # name and arguments of a call outside → `value` or `error`


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

    def __init__(self, options: HostOptions, zygote: Zygote) -> None:
        """Have the process forked.

        Raises:
            OSError: This process has no descriptors left.
            ZygoteGone: There is nothing to fork it from.
        """
        self._zygote = zygote
        self.last_run_done = False  # True: it has said that it serves no other run
        self._stderr: IO[bytes] = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed with the host
        self._begun = Begun()
        (their_read_fd, write_fd), (read_fd, their_write_fd) = os.pipe(), os.pipe()
        self._wire = Wire(read_fd=read_fd, write_fd=write_fd, frame_max_bytes=options.frame_max_bytes)
        theirs = their_read_fd, their_write_fd, self._stderr.fileno(), self._begun.write_fd
        try:
            self.pid = zygote.fork(theirs)  # process id
        except BaseException:
            self._closed()
            raise
        finally:
            for fd in (their_read_fd, their_write_fd, self._begun.write_fd):
                os.close(fd)

    def warm(self, *, guest: str, limits: SandboxLimits, timeout_seconds: float) -> None:
        """Have the host load a guest.

        Raises:
            HostGone: It ended; the message has the end of what it wrote to standard error.
            HostBroken: It cannot.
        """
        deadline = time.monotonic() + timeout_seconds
        try:
            self._wire.send(
                Frame(wire.WARM, {"guest": guest, "limits": messages.limits_text(limits)}), deadline=deadline
            )
            self._expect(wire.READY, deadline)
        except wire.WireClosed as error:
            raise HostGone(self._why(error)) from error
        except (wire.WireInvalid, wire.WireTimeout) as error:
            raise HostBroken(self._why(error)) from error

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
        self._begun.next_run()
        clock = _Clock(self._begun, time.monotonic() + start_seconds, limits.wall_seconds + grace_seconds)
        try:
            self._wire.send(messages.request_frame(request, limits), deadline=clock.start_until)
            frame = self._ended(clock, on_call)
            if frame.kind == wire.ENDED:
                frame = self._expect(wire.RESULT, time.monotonic() + start_seconds)
            result = messages.result_from(frame)
        except wire.WireTimeout as error:
            raise HostBroken(self._why(error)) if self._begun.at() is None else HostOverdue(str(error)) from error
        except wire.WireClosed as error:
            raise (HostGone if self._begun.at() is None else HostCrashed)(self._why(error)) from error
        except wire.WireInvalid as error:
            raise (HostBroken if self._begun.at() is None else HostCrashed)(self._why(error)) from error
        self.last_run_done = bool(frame.fields.get("last"))
        if os.fstat(self._stderr.fileno()).st_size:
            self._stderr.seek(0)  # the host shares this position: it writes from the beginning again
            self._stderr.truncate()  # a guest's traps must not fill the disk
        return result

    def kill(self) -> None:
        """Kill the host and everything that it may have started."""
        self._zygote.kill(self.pid)

    def end(self) -> None:
        """Kill the host, reap it and close its pipes. Not while another thread uses it."""
        self._zygote.reap(self.pid)
        self._closed()

    def _closed(self) -> None:
        self._wire.close()
        self._stderr.close()
        self._begun.close()

    def _ended(self, clock: "_Clock", on_call: OnCall) -> Frame:
        """Return the frame that says that the program has ended: `ended`, or `result` at once."""
        while (frame := self._next(clock)).kind == wire.CALL:
            answer = Frame(wire.ANSWER, on_call(str(frame.fields.get("name", "")), frame.fields.get("arguments")))
            with suppress(wire.WireClosed):  # it had given the program up meanwhile: its result is in the pipe
                self._wire.send(answer, deadline=time.monotonic() + _PIPE_SECONDS)
        if frame.kind == wire.UNSUPPORTED:
            raise HostCannot(str(frame.fields.get("message", "")))
        if frame.kind not in (wire.ENDED, wire.RESULT):
            raise wire.WireInvalid(f"{frame.kind} instead of {wire.ENDED}: {frame.fields.get('message', '')}")
        return frame

    def _next(self, clock: "_Clock") -> Frame:
        while not self._wire.arrived(clock.look_at()):
            if clock.is_over():
                raise wire.WireTimeout("the host did not say in time that the program has ended")
        return self._wire.receive(deadline=time.monotonic() + _PIPE_SECONDS)

    def _expect(self, kind: str, deadline: float) -> Frame:
        frame = self._wire.receive(deadline=deadline)
        if frame.kind != kind:
            raise wire.WireInvalid(f"{frame.kind} instead of {kind}: {frame.fields.get('message', '')}")
        return frame

    def _why(self, error: Exception) -> str:
        code = self._zygote.exit_code(self.pid)
        end = max(0, os.fstat(self._stderr.fileno()).st_size - _STDERR_TAIL_BYTES)
        tail = os.pread(self._stderr.fileno(), _STDERR_TAIL_BYTES, end).decode(errors="replace").strip()
        state = "is still running" if code is None else f"ended with {_exit_name(code)}"
        return f"the sandbox host {state} ({error}){': ' + tail if tail else ''}"


@dataclass(slots=True)
class _Clock:
    """Until when one run is waited for; a host does not say when its program begins, so that is looked up in time."""

    begun: Begun
    start_until: float  # latest begin, as `time.monotonic()`
    run_seconds: float  # from the begin
    has_waited: bool = False

    def look_at(self) -> float:
        """Return how long to wait before `is_over` can be true, or the begin must be looked up.

        It is not looked up before that wait: most programs have ended by then.
        """
        begun_at = self.begun.at() if self.has_waited else None
        self.has_waited = True
        if begun_at is not None:
            return begun_at + self.run_seconds
        return min(self.start_until, time.monotonic() + self.run_seconds)

    def is_over(self) -> bool:
        """Return whether the program has had its time, or has not begun in time."""
        begun_at = self.begun.at()
        return time.monotonic() >= (self.start_until if begun_at is None else begun_at + self.run_seconds)


def _exit_name(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
