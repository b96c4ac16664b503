"""The sandbox host's loop: one frame in, one run, one frame out."""

import os
import time
from typing import Any

from sandbox.host import messages, wire
from sandbox.host.begun import begun
from sandbox.host.confinement import cpu_bounded
from sandbox.host.options import HostOptions
from sandbox.host.wire import Frame, Wire
from sandbox.runtimes.base import Runtime, RuntimeBroken, RunUnsupported
from sandbox.runtimes.endings import rss_bytes
from sandbox.types import ExecutionResult

# The kernel wakes the worker on the core of the host that answers it, and lets the host go on there to the end of its
# slice, up to 4 ms: so the host stands back, until the worker has had time to take its result or has the next request.
_WORKER_SECONDS = 0.001


def serve(pipe: Wire, runtime: Runtime, options: HostOptions, *, begun_fd: int) -> None:
    """Serve frames until the worker is gone, the host is used up, or its runtime is broken.

    Args:
        pipe: To the worker.
        runtime: What runs the programs.
        options: When the host is used up.
        begun_fd: Where the begin of each program is noted.
    """

    def given_up(result: ExecutionResult) -> None:
        try:
            pipe.send(messages.result_frame(result, last=True))
        finally:
            os._exit(0)  # its guest may run on, on the thread of the loop below

    runtime.on_given_up = given_up
    bound = _CpuBound()
    runs = 0
    last = False
    while not last:
        try:
            frame = pipe.receive()
            if frame.kind == wire.RUN:
                runs += 1
                last = _run(pipe, runtime, frame, options, runs=runs, begun_fd=begun_fd, bound=bound)
            elif frame.kind == wire.WARM:
                runtime.warm(guest=str(frame.fields["guest"]), limits=messages.limits_from(frame.fields["limits"]))
                pipe.send(Frame(wire.READY))
        except RuntimeBroken as error:
            pipe.send(Frame(wire.ERROR, {"message": str(error)}))
            return
        except wire.WireClosed:
            return
        if not last:
            pipe.arrived(time.monotonic() + _WORKER_SECONDS)
            runtime.prepare()
            bound.prepare()


class _CpuBound:
    """Keeps the CPU time that this process may still use to what its next run may need, on all cores."""

    def __init__(self) -> None:
        self._guessed_seconds = 0.0  # of the run before
        self._ahead_seconds = 0.0  # for which the bound has been set already

    def begin(self, wall_seconds: float) -> None:
        """Set the bound for the run that begins, unless that was done ahead."""
        self._guessed_seconds = wall_seconds
        if wall_seconds != self._ahead_seconds:
            cpu_bounded(wall_seconds=wall_seconds)
        self._ahead_seconds = 0.0

    def prepare(self) -> None:
        """Set the bound ahead, on the guess that the next run may take as long as the last."""
        if self._guessed_seconds:
            cpu_bounded(wall_seconds=self._guessed_seconds)
            self._ahead_seconds = self._guessed_seconds


def _run(
    pipe: Wire, runtime: Runtime, frame: Frame, options: HostOptions, *, runs: int, begun_fd: int, bound: _CpuBound
) -> bool:
    """Serve one run; returns True when it was this host's last."""
    request = messages.request_from(frame)

    def running() -> None:
        if request.limits is not None:
            bound.begin(request.limits.wall_seconds)
        begun(begun_fd, runs)

    def ended() -> None:
        if not runtime.ends_with_files:  # else the result says it: to wake the worker twice takes longer
            pipe.send(Frame(wire.ENDED))

    def call(name: str, arguments: Any) -> dict[str, Any]:
        pipe.send(Frame(wire.CALL, {"name": name, "arguments": arguments}))
        return dict(pipe.receive().fields)

    try:
        result = runtime.execute(request, on_running=running, on_ended=ended, on_call=call)
    except RunUnsupported as error:
        pipe.send(Frame(wire.UNSUPPORTED, {"message": str(error)}))
        return False
    last = runtime.spent or runs >= options.runs_max or rss_bytes() > options.rss_max_bytes
    pipe.send(messages.result_frame(result, last=last))
    return last
