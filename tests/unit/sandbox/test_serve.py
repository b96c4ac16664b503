"""The sandbox host's loop."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from sandbox.host import serve as loop
from sandbox.host.messages import request_frame
from sandbox.host.options import HostOptions
from sandbox.host.wire import RESULT, Wire
from sandbox.runtimes.base import OnCall, nobody_answers
from sandbox.runtimes.fake import FakeRuntime
from sandbox.types import ExecutionRequest, ExecutionResult, SandboxLimits

LIMITS = SandboxLimits()
FOR_EVER = 3600.0


class NotedRuntime(FakeRuntime):
    """The fake, that notes what it does in turn."""

    def __init__(self, *, cache_dir: Path) -> None:
        super().__init__(cache_dir=cache_dir)
        self.did: SimpleQueue[str] = SimpleQueue()

    def execute(
        self,
        request: ExecutionRequest,
        *,
        on_running: Callable[[], None],
        on_ended: Callable[[], None],
        on_call: OnCall = nobody_answers,
    ) -> ExecutionResult:
        self.did.put(request.code)
        return super().execute(request, on_running=on_running, on_ended=on_ended, on_call=on_call)

    def prepare(self) -> None:
        self.did.put("prepared")


@pytest.fixture
def runtime(tmp_path: Path) -> NotedRuntime:
    """What the served host runs."""
    return NotedRuntime(cache_dir=tmp_path)


@pytest.fixture
def worker(runtime: NotedRuntime, tmp_path: Path) -> Iterator[Wire]:
    """The worker's end of a host that is served on a thread."""
    (read_a, write_b), (read_b, write_a), (begun_read, begun_write) = os.pipe(), os.pipe(), os.pipe()
    ours = Wire(read_fd=read_a, write_fd=write_a, frame_max_bytes=1024)
    theirs = Wire(read_fd=read_b, write_fd=write_b, frame_max_bytes=1024)
    options = HostOptions(
        parent_pid=os.getpid(),
        runtime="",
        cache_dir=str(tmp_path),
        memory_bytes=0,
        runs_max=100,
        rss_max_bytes=1024**4,
        frame_max_bytes=1024,
    )
    thread = threading.Thread(
        target=loop.serve, args=(theirs, runtime, options), kwargs={"begun_fd": begun_write}, daemon=True
    )
    thread.start()
    yield ours
    ours.close()
    thread.join(timeout=60)
    assert not thread.is_alive()
    theirs.close()
    os.close(begun_read)
    os.close(begun_write)


@pytest.fixture(autouse=True)
def no_cpu_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave this process as it is: the loop limits the process that it serves in."""
    monkeypatch.setattr(loop, "cpu_bounded", lambda *, wall_seconds: None)


def run(worker: Wire, code: str) -> None:
    worker.send(request_frame(ExecutionRequest("python", code, limits=LIMITS), LIMITS))
    while worker.receive(deadline=time.monotonic() + 60).kind != RESULT:
        pass


def test_the_next_guest_is_made_although_no_request_follows(worker: Wire, runtime: NotedRuntime) -> None:
    run(worker, "1")
    assert [runtime.did.get(timeout=60) for _ in range(2)] == ["1", "prepared"]


def test_a_host_stands_back_for_its_worker_until_the_next_request(
    worker: Wire, runtime: NotedRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_WORKER_SECONDS", FOR_EVER)
    run(worker, "1")
    assert runtime.did.get(timeout=60) == "1"
    assert runtime.did.empty()
    run(worker, "2")
    assert [runtime.did.get(timeout=60) for _ in range(2)] == ["prepared", "2"]
